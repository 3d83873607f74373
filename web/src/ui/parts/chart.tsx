/** A small chart that moves with time. */

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** One line of a chart. */
export interface Line {
  label: string;
  values: (number | null)[];
  /** The name of a colour of the style sheet. */
  colour: string;
}

interface ChartProps {
  /** Unix seconds of each value. */
  times: number[];
  lines: Line[];
  /** Writes a value with its unit. */
  format: (value: number) => string;
  /** The scale reaches at least so far. */
  atLeast: number;
}

const HEIGHT = 72;

/** See the module. The figures stand beside it in text; for who cannot see it, it is not there. */
export function Chart({ times, lines, format, atLeast }: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data: uPlot.AlignedData = [times, ...lines.map((line) => line.values)];
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(options(element, lines, format, atLeast), data, element);
    plot.current = made;
    const size = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    size.observe(element);
    return () => {
      size.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data));
  return <div class="chart" ref={place} aria-hidden="true" />;
}

function options(element: HTMLElement, lines: Line[], format: (value: number) => string, atLeast: number): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`);
  const grid = { stroke: colour('line'), width: 1 };
  const text = { stroke: colour('muted'), font: '11px system-ui, sans-serif' };
  return {
    width: Math.max(element.clientWidth, 120),
    height: HEIGHT,
    padding: [6, 4, 8, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(most ?? 0, atLeast) * 1.1] } },
    axes: [
      { show: false },
      { ...text, grid, ticks: { show: false }, size: 64, space: 28, gap: 6, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        fill: `color-mix(in srgb, ${colour(line.colour)} 14%, transparent)`,
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}
