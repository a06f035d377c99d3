/** The last day of one series as an SVG path: enough to see whether something happened. */
import type { Value, Windows } from '../api/types.ts';
import { openGap } from '../chart/gaps.ts';
import { type Plot, plotOf } from '../chart/plot.ts';
import { traceOf } from '../chart/trace.ts';
import { autoRange } from '../chart/yrange.ts';
import { toNumber } from '../format/number.ts';
import type { Span } from '../state/range.ts';

export interface SparkData {
  span: Span;
  line: string;
  band: string;
  /** Silent stretches as shares of the width. */
  gaps: { left: number; width: number }[];
  lo: number;
  hi: number;
}

const viewWidth = 240;
const viewHeight = 40;

/** Paths in a box of 240 × 40. Empty when there is nothing to draw as a line. */
export function sparkOf(answer: Windows, span: Span, interval: number | null): SparkData | null {
  const plot = plotOf(traceOf(answer), interval);
  const values = plot.y.flatMap((y, i) => (y === null ? [] : [plot.lo[i] ?? y, plot.hi[i] ?? y]));
  if (values.length === 0) return null;
  const isState = answer.kind === 'state';
  const { lo, hi } = isState
    ? { lo: -0.15, hi: 1.15 }
    : autoRange(Math.min(...values), Math.max(...values));
  const x = (time: number) => ((time - span.from) / (span.to - span.from)) * viewWidth;
  const y = (value: number) => (1 - (value - lo) / (hi - lo)) * viewHeight;
  const silence = openGap(plot.lastTime, span.to, interval);
  const gaps = (silence ? [...plot.gaps, silence] : plot.gaps).map((gap) => ({
    left: share(gap.from, span),
    width: share(gap.to, span) - share(gap.from, span),
  }));
  return { span, line: linePath(plot, x, y, isState), band: bandPath(plot, x, y), gaps, lo, hi };
}

function share(time: number, span: Span): number {
  return Math.min(1, Math.max(0, (time - span.from) / (span.to - span.from)));
}

type Scale = (value: number) => number;
const at = (x: number, y: number) => `${x.toFixed(1)} ${y.toFixed(1)}`;

function linePath(plot: Plot, x: Scale, y: Scale, isState: boolean): string {
  let path = '';
  let isDown = false;
  plot.y.forEach((value, i) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const px = x(plot.x[i] ?? 0);
    if (isDown && isState) path += `H${px.toFixed(1)}V${y(value).toFixed(1)}`;
    else path += `${isDown ? 'L' : 'M'}${at(px, y(value))}`;
    isDown = true;
  });
  return path;
}

function bandPath(plot: Plot, x: Scale, y: Scale): string {
  if (plot.shape !== 'steps') return '';
  let path = '';
  let start = -1;
  for (let i = 0; i <= plot.x.length; i++) {
    const has = i < plot.x.length && plot.y[i] !== null;
    if (has && start < 0) start = i;
    if (has || start < 0) continue;
    const rows = [...plot.x.keys()].slice(start, i);
    const top = rows.map((n) => at(x(plot.x[n] ?? 0), y(plot.hi[n] ?? 0)));
    const bottom = rows.reverse().map((n) => at(x(plot.x[n] ?? 0), y(plot.lo[n] ?? 0)));
    path += `M${[...top, ...bottom].join('L')}Z`;
    start = -1;
  }
  return path;
}

/** Where a value stands in the spark, 0 at the top; null without a scale. */
export function penHeight(spark: SparkData | null, value: number | null): number | null {
  if (!spark || value === null) return null;
  return Math.min(1, Math.max(0, 1 - (value - spark.lo) / (spark.hi - spark.lo)));
}

interface Props {
  spark: SparkData | null;
  newest: { t: number; v: Value } | undefined;
}

export function Spark({ spark, newest }: Props) {
  if (!spark) return <span class="spark" />;
  const top = penHeight(spark, toNumber(newest?.v));
  const left = newest ? share(newest.t, spark.span) : 1;
  return (
    <span class="spark" aria-hidden="true">
      {spark.gaps.map((gap) => (
        <span
          key={gap.left}
          class="spark-gap"
          style={{ left: `${gap.left * 100}%`, width: `${gap.width * 100}%` }}
        />
      ))}
      <svg viewBox={`0 0 ${viewWidth} ${viewHeight}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="spark-band" d={spark.band} />
        <path class="spark-line" d={spark.line} />
      </svg>
      {top !== null && left > 0 && (
        <span class="pen" style={{ top: `${top * 100}%`, left: `${left * 100}%` }} />
      )}
    </span>
  );
}
