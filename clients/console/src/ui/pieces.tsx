/** Small pieces that several views are made of. */

import type { ComponentChildren } from 'preact';

export const Head = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <header class="head">
    <h1 tabIndex={-1}>{title}</h1>
    {children}
  </header>
);

const TONES: Record<string, string> = {
  online: 'good',
  running: 'good',
  finished: 'good',
  healthy: 'good',
  busy: 'warn',
  away: 'warn',
  queued: 'warn',
  waiting: 'warn',
  draining: 'warn',
  failed: 'bad',
  unreachable: 'bad',
};

export const Status = ({ word }: { word: string }) => (
  <span class={`status ${TONES[word] ?? ''}`}>
    <i aria-hidden="true" />
    {word}
  </span>
);

export const Empty = ({ children }: { children: ComponentChildren }) => (
  <p class="empty">{children}</p>
);

const FORBIDDEN = new Set<unknown>(['forbidden', 'not_member']);

/** Why something is not shown: that a right is missing is no fault. */
export function Trouble({ error }: { error: Error }) {
  const forbidden = 'code' in error && FORBIDDEN.has(error.code);
  return (
    <p class={forbidden ? 'empty' : 'trouble'} role={forbidden ? undefined : 'alert'}>
      {forbidden ? `Your token does not let you see this: ${error.message}.` : error.message}
    </p>
  );
}

/** How much of something is taken. */
export function Meter({ label, value, most }: { label: string; value: number; most: number }) {
  const share = most > 0 ? Math.min(1, value / most) : 0;
  return (
    <div
      class={`meter ${share > 0 ? 'some' : ''} ${share >= 1 ? 'full' : ''}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={most}
      aria-valuenow={value}
    >
      <i style={{ width: `${share * 100}%` }} />
    </div>
  );
}

/** The last values as a line. The number beside it says the newest. */
export function Spark({ values }: { values: readonly number[] }) {
  const most = Math.max(...values, 1e-9);
  const step = 72 / Math.max(1, values.length - 1);
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(17 - (value / most) * 15).toFixed(1)}`,
  );
  return (
    <svg class={`spark ${most > 1e-9 ? '' : 'still'}`} viewBox="0 0 72 18" aria-hidden="true">
      {values.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}
