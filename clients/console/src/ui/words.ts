/** Times, counts and sizes as people read them. */

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const COUNT = new Intl.NumberFormat('en');

export const count = (value: number): string => COUNT.format(value);

export const clock = (time: string | undefined): string =>
  time ? CLOCK.format(new Date(time)) : '';

/** How long ago, or how long it took: two units at most. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

export const since = (time: string | undefined, now = Date.now()): string =>
  time ? span((now - Date.parse(time)) / 1000) : '';

export const between = (from: string | undefined, to: string | undefined): string => {
  if (!from || !to) return '';
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : span(seconds);
};

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 10 && !Number.isInteger(perSecond)
    ? perSecond.toFixed(1)
    : count(Math.round(perSecond));
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1 << 20) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / (1 << 20)).toFixed(1)} MiB`;
}

export const milliseconds = (value: number | undefined): string =>
  value === undefined
    ? '–'
    : value > 0 && value < 10
      ? `${value.toFixed(1)} ms`
      : `${Math.round(value)} ms`;
