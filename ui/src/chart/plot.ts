/** From a trace to what is drawn: columns for the line, gaps, lone dots, bad marks, bands. */
import type { Value } from '../api/types.ts';
import { toNumber } from '../format/number.ts';
import { type Gap, gapsOfReadings, gapsOfSteps, isLone } from './gaps.ts';
import type { Readings, Steps, Trace } from './trace.ts';

/** A stretch in which a state or a text held. `share` is the part of it that was on. */
export interface Stretch {
  from: number;
  to: number;
  value: Value;
  share: number | null;
}

export interface Plot {
  shape: 'readings' | 'steps';
  step: number;
  /** Where each value stands; between two sides of a gap there is a row of nulls. */
  x: number[];
  y: (number | null)[];
  lo: (number | null)[];
  hi: (number | null)[];
  count: number[];
  text: Value[];
  gaps: Gap[];
  lone: number[];
  bad: number[];
  stretches: Stretch[];
  /** Newest time at which the device said anything. */
  lastTime: number | null;
}

const badQuality = 2;

export function plotOf(trace: Trace, interval: number | null): Plot {
  const plot =
    trace.body.shape === 'readings'
      ? plotReadings(trace.body, interval)
      : plotSteps(trace.body, trace);
  if (trace.kind === 'state' || trace.kind === 'text') plot.stretches = stretchesOf(plot);
  return plot;
}

function emptyPlot(shape: Plot['shape'], step: number, gaps: Gap[]): Plot {
  return {
    shape,
    step,
    x: [],
    y: [],
    lo: [],
    hi: [],
    count: [],
    text: [],
    gaps,
    lone: [],
    bad: [],
    stretches: [],
    lastTime: null,
  };
}

function row(
  plot: Plot,
  x: number,
  y: number | null,
  lo: number | null,
  hi: number | null,
  count: number,
  text: Value,
) {
  plot.x.push(x);
  plot.y.push(y);
  plot.lo.push(lo);
  plot.hi.push(hi);
  plot.count.push(count);
  plot.text.push(text);
}

function plotReadings(body: Readings, interval: number | null): Plot {
  const gaps = gapsOfReadings(body.t, interval);
  const plot = emptyPlot('readings', 0, gaps);
  let gap = 0;
  body.t.forEach((time, i) => {
    const next = gaps[gap];
    if (next && time >= next.to) {
      row(plot, (next.from + next.to) / 2, null, null, null, 0, null);
      gap++;
    }
    const value = body.v[i] ?? null;
    const isBad = body.q[i] === badQuality || value === null;
    if (isBad) plot.bad.push(time);
    else if (isLone(i, body.t, gaps)) plot.lone.push(plot.x.length);
    row(
      plot,
      time,
      isBad ? null : toNumber(value),
      null,
      null,
      isBad ? 0 : 1,
      isBad ? null : value,
    );
  });
  plot.lastTime = body.t.at(-1) ?? null;
  return plot;
}

function plotSteps(body: Steps, trace: Trace): Plot {
  const gaps = gapsOfSteps(body.count, body.t0, body.step);
  const plot = emptyPlot('steps', body.step, gaps);
  let gap = 0;
  body.count.forEach((count, i) => {
    if (count === 0) return;
    const start = body.t0 + i * body.step;
    const next = gaps[gap];
    const afterGap = next !== undefined && start >= next.to;
    if (afterGap) {
      row(plot, (next.from + next.to) / 2, null, null, null, 0, null);
      gap++;
    }
    const beforeGap = gaps[gap]?.from === start + body.step;
    if ((afterGap || plot.x.length === 0) && beforeGap) plot.lone.push(plot.x.length);
    const average = trace.kind === 'text' ? null : (body.avg[i] ?? null);
    row(
      plot,
      start + body.step / 2,
      average,
      body.min[i] ?? null,
      body.max[i] ?? null,
      count,
      average,
    );
    plot.lastTime = start + body.step;
  });
  return plot;
}

/** What held from one reading to the next. It does not reach into a gap. */
function stretchesOf(plot: Plot): Stretch[] {
  const found: Stretch[] = [];
  const half = plot.step / 2;
  plot.x.forEach((x, i) => {
    if ((plot.count[i] ?? 0) === 0) return;
    const value = plot.text[i] ?? null;
    const to = plot.shape === 'steps' ? x + half : endOf(plot, i);
    const from = x - half;
    const last = found.at(-1);
    const isSame = last?.value === value && last.share === toNumber(value);
    if (last && isSame && last.to >= from - 1) last.to = to;
    else found.push({ from, to, value, share: toNumber(value) });
  });
  return found;
}

function endOf(plot: Plot, i: number): number {
  const time = plot.x[i] ?? 0;
  const gap = plot.gaps.find((one) => one.from === time);
  if (gap) return time;
  return plot.x[i + 1] ?? time;
}

export interface Extremes {
  min: number;
  max: number;
  avg: number;
}

/** Smallest, largest and mean value between two times; `null` where there is none. */
export function extremesOf(plot: Plot, from: number, to: number): Extremes | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  plot.x.forEach((x, i) => {
    const y = plot.y[i];
    if (y === null || y === undefined || x < from - plot.step || x > to + plot.step) return;
    const weight = plot.count[i] ?? 1;
    min = Math.min(min, plot.lo[i] ?? y);
    max = Math.max(max, plot.hi[i] ?? y);
    sum += y * weight;
    count += weight;
  });
  return count > 0 ? { min, max, avg: sum / count } : null;
}

/** Index of the row with a value whose time is nearest; -1 when there is none. */
export function nearest(plot: Plot, time: number): number {
  let low = 0;
  let high = plot.x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((plot.x[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  const has = (i: number) => (plot.count[i] ?? 0) > 0;
  let left = low - 1;
  let right = low;
  while (left >= 0 && !has(left)) left--;
  while (right < plot.x.length && !has(right)) right++;
  if (left < 0) return right < plot.x.length ? right : -1;
  if (right >= plot.x.length) return left;
  return time - (plot.x[left] ?? 0) <= (plot.x[right] ?? 0) - time ? left : right;
}
