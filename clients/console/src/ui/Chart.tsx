/** Curves over time, by uPlot. The figures stand beside it: a curve alone tells a screen reader nothing. */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Curve {
  readonly name: string;
  /** The name of a colour of the style sheet. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

interface Props {
  label: string;
  times: readonly number[];
  curves: readonly Curve[];
  /** What a value is called on the axis. */
  shown: (value: number) => string;
  /** Changes where the colours do. */
  theme: string;
}

const HEIGHT = 180;
const SHORTEST_SECONDS = 60;

export function Chart({ label, times, curves, shown, theme }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = [times, ...curves.map(each => each.values)] as unknown as uPlot.AlignedData;
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const made = new uPlot(options(box, curves, shown), data, box);
    plot.current = made;
    const sized = new ResizeObserver(() =>
      made.setSize({ width: box.clientWidth, height: HEIGHT }),
    );
    sized.observe(box);
    return () => {
      sized.disconnect();
      made.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current?.setData(data), [times]);
  return <div class="chart" ref={place} role="img" aria-label={label} />;
}

function options(box: HTMLElement, curves: readonly Curve[], shown: Props['shown']): uPlot.Options {
  const colour = (name: string) => {
    box.style.color = `var(--${name})`; // a canvas knows no variables
    return getComputedStyle(box).color;
  };
  const font = '12px system-ui, sans-serif';
  const axis = {
    font,
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 28, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { range: (_plot, least, most) => [Math.min(least, most - SHORTEST_SECONDS), most] },
      y: { range: (_plot, _least, most) => [0, Math.max(most * 1.15, 4)] },
    },
    axes: [
      {
        ...axis,
        space: 80,
        size: 28,
        values: [[1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]],
      },
      { ...axis, size: 62, values: (_plot, values) => values.map(shown) },
    ],
    series: [
      {},
      ...curves.map(each => ({
        label: each.name,
        stroke: colour(each.colour),
        width: 2,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}
