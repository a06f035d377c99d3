/** From a lane's data to the scene that its surface draws, and the words beside it. */
import type { Metric, Value } from '../api/types.ts';
import {
  type Digits,
  decimalsSent,
  formatCount,
  formatNumber,
  formatState,
  formatValue,
  toNumber,
} from '../format/number.ts';
import { formatDuration, formatStep, formatTime } from '../format/time.ts';
import type { Zone } from '../format/zone.ts';
import { plural, t } from '../i18n/index.ts';
import type { LatestReading } from '../state/fleet.ts';
import type { Span } from '../state/range.ts';
import { type Gap, openGap } from './gaps.ts';
import { metricTitle } from './hue.ts';
import { type Extremes, type Plot, plotOf } from './plot.ts';
import type { Trace } from './trace.ts';

export type Form = 'line' | 'state' | 'text';

export function formOf(metric: Metric, newest: Value | undefined): Form {
  if (metric.kind === 'text' || typeof newest === 'string') return 'text';
  return metric.kind === 'state' || typeof newest === 'boolean' ? 'state' : 'line';
}

/** The plot, with its line led on to the newest reading, where the pen stands. */
export function plotToPen(trace: Trace, metric: Metric, newest: LatestReading | undefined): Plot {
  const plot = plotOf(trace, metric.interval_ms ?? null);
  const end = plot.x.at(-1);
  const value = toNumber(newest?.v);
  if (!newest || value === null || plot.shape === 'readings' || end === undefined) return plot;
  // The last window's middle may lie ahead of the newest reading: the pen is the end.
  if (end > newest.t) plot.x[plot.x.length - 1] = newest.t;
  else if (newest.t - end <= plot.step * 1.5) {
    plot.x.push(newest.t);
    plot.y.push(value);
    plot.lo.push(value);
    plot.hi.push(value);
    plot.count.push(0);
    plot.text.push(null);
  }
  plot.lastTime = Math.min(plot.lastTime ?? newest.t, newest.t);
  return plot;
}

/** Gaps of the plot and, in a view that reaches the present, the silence that still lasts. */
export function gapsInView(
  plot: Plot,
  metric: Metric,
  lastSeen: number | null,
  span: Span,
  now: number,
): Gap[] {
  const last = lastSeen ?? plot.lastTime;
  const open = openGap(last, Math.min(now, span.to), metric.interval_ms ?? null);
  const reachesNow = span.to >= now - 2000;
  return open && reachesNow ? [...plot.gaps, open] : plot.gaps;
}

/** A state's last stretch holds until now, unless the device fell silent. */
export function holdToNow(plot: Plot, gaps: readonly Gap[], now: number): void {
  const last = plot.stretches.at(-1);
  if (!last) return;
  const silent = gaps.find((gap) => gap.to >= now - 1 && gap.from >= last.from);
  last.to = Math.max(last.to, silent ? silent.from : now);
}

/** Most decimals that the series has sent lately; it only grows, so that figures stand still. */
export function sentDecimals(
  plot: Plot,
  newest: LatestReading | undefined,
  before: number,
): number {
  let most = before;
  const look = (value: number | null | undefined) => {
    if (typeof value === 'number') most = Math.max(most, decimalsSent(value));
  };
  look(toNumber(newest?.v));
  const column = plot.shape === 'steps' ? plot.hi : plot.y;
  for (const value of column.slice(-40)) look(value);
  return Math.min(most, 3);
}

/** "951,481 readings → 529 steps of 30 min, 12 ms". */
export function footerOf(trace: Trace, shownSteps: number): string {
  const readings = formatCount(trace.readings);
  const took =
    trace.tookMs < 10
      ? formatNumber(Math.max(0.1, trace.tookMs), 1)
      : formatCount(Math.round(trace.tookMs));
  if (trace.readings === 0) return t('footer.none', { took });
  if (trace.body.shape === 'readings')
    return plural('footer.every', trace.readings, { readings, took });
  return t('footer.steps', {
    readings,
    steps: formatCount(shownSteps),
    step: formatStep(trace.body.step),
    took,
  });
}

export function extremesText(found: Extremes, sent: Digits): string {
  return t('chart.extremes', {
    min: formatNumber(found.min, sent),
    avg: formatNumber(found.avg, sent),
    max: formatNumber(found.max, sent),
  });
}

/** The start of a step, or the time of a reading. */
export function rowTime(plot: Plot, i: number): number {
  return (plot.x[i] ?? 0) - plot.step / 2;
}

/** The time of a row as short as its view allows: the axis says the rest. */
export function shortTime(plot: Plot, i: number, span: Span, zone: Zone): string {
  const time = rowTime(plot, i);
  if (plot.step >= 86_400_000) return formatTime(time, 'day', zone);
  const isFine = span.to - span.from < 60_000;
  const clock = formatTime(time, plot.step >= 60_000 ? 'clock' : isFine ? 'milli' : 'second', zone);
  return span.to - span.from > 86_400_000 ? `${formatTime(time, 'date', zone)}, ${clock}` : clock;
}

export interface RowWords {
  time: string;
  value: string;
  between: string | null;
}

/** One row in words, for the tooltip and for a screen reader. */
export function rowWords(
  plot: Plot,
  i: number,
  form: Form,
  unit: string | null,
  sent: Digits,
  zone: Zone,
): RowWords {
  const time = formatTime(
    (plot.x[i] ?? 0) - plot.step / 2,
    plot.step > 0 ? 'full' : 'fullMilli',
    zone,
  );
  const tail = unit ? ` ${unit}` : '';
  const value = plot.text[i] ?? plot.y[i] ?? null;
  if (form === 'state') return { time, value: stateWords(plot, i), between: null };
  if (form === 'text' || typeof value !== 'number')
    return { time, value: textWords(plot, i, value), between: null };
  const [lo, hi] = [plot.lo[i], plot.hi[i]];
  const isSpan = plot.shape === 'steps' && typeof lo === 'number' && typeof hi === 'number';
  return {
    time: plot.step > 0 ? t('chart.step_from', { time, step: formatStep(plot.step) }) : time,
    value: `${formatNumber(value, sent)}${tail}`,
    between: isSpan
      ? t('chart.between', { min: formatNumber(lo, sent), max: formatNumber(hi, sent) })
      : null,
  };
}

function stateWords(plot: Plot, i: number): string {
  const share = plot.y[i] ?? 0;
  if (plot.shape === 'readings' || share === 0 || share === 1)
    return formatState(plot.text[i] ?? share);
  return t('chart.on_share', { percent: formatCount(Math.round(share * 100)) });
}

function textWords(plot: Plot, i: number, value: Value): string {
  if (plot.shape === 'steps') return plural('chart.texts', plot.count[i] ?? 0);
  return formatValue(value);
}

/** What the lane shows, as one sentence. */
export function summaryOf(
  metric: Metric,
  plot: Plot,
  found: Extremes | null,
  gaps: readonly Gap[],
  sent: Digits,
  span: Span,
): string {
  const duration = formatDuration(span.to - span.from);
  const unit = metric.unit ? ` ${metric.unit}` : '';
  const name = metricTitle(metric);
  if (plot.x.length === 0) return t('summary.empty', { name, duration });
  const values = found
    ? t('summary.values', {
        min: formatNumber(found.min, sent),
        max: formatNumber(found.max, sent),
        avg: formatNumber(found.avg, sent),
        unit,
      })
    : '';
  const silent = gaps.length > 0 ? plural('summary.gaps', gaps.length) : t('summary.no_gaps');
  return t('summary.lane', { name, duration, values, silent });
}
