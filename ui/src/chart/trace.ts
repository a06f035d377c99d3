/**
 * What a lane draws: either every reading of the range, or windows ("steps") over it. Live
 * readings are merged into either shape. The functions here change a trace in place,
 * because a trace of thousands of values changes ten times a second.
 */
import { type RawColumns, toValue, type Value, type Windows } from '../api/types.ts';
import { toNumber } from '../format/number.ts';
import { windowStart } from './windows.ts';

export interface Readings {
  shape: 'readings';
  t: number[];
  v: Value[];
  q: number[];
}

export interface Steps {
  shape: 'steps';
  t0: number;
  step: number;
  min: (number | null)[];
  max: (number | null)[];
  avg: (number | null)[];
  count: number[];
  /** Start of the earliest window whose count may be off; see `touch`. */
  unsettled: number | null;
}

export interface Trace {
  kind: string;
  body: Readings | Steps;
  /** Readings in the range as the server counted them, plus those that came live. */
  readings: number;
  /** What the server took to answer. */
  tookMs: number;
}

/** More windows than this cannot be meant: the view jumped, and history must be read again. */
const windowsMost = 8000;
const badQuality = 2;

export function traceOf(answer: Windows): Trace {
  const { kind, raw } = answer;
  const body: Readings | Steps = raw ? readingsOf(raw) : stepsOf(answer);
  return { kind, body, readings: answer.readings, tookMs: answer.took_ms };
}

function readingsOf(raw: RawColumns): Readings {
  const v = raw.v.map(toValue);
  const q = raw.q ?? v.map((value) => (value === null ? badQuality : 0));
  return { shape: 'readings', t: [...raw.t], v, q: [...q] };
}

function stepsOf({ t0, step_ms, min, max, avg, count }: Windows): Steps {
  return {
    shape: 'steps',
    t0,
    step: step_ms,
    min: [...min],
    max: [...max],
    avg: [...avg],
    count: [...count],
    unsettled: null,
  };
}

/** How sure we are that a live reading is not part of the history already. */
export type Novelty = 'new' | 'maybe';
/** What a merge did: nothing, a change to draw, or more than can be merged. */
export type Merged = 'same' | 'changed' | 'reload';

/** Merges live readings. A reading that the trace holds already changes nothing. */
export function merge(trace: Trace, live: RawColumns, novelty: Novelty): Merged {
  let outcome: Merged = 'same';
  for (let i = 0; i < live.t.length; i++) {
    const time = live.t[i];
    if (time === undefined) continue;
    const value = toValue(live.v[i]);
    const quality = live.q?.[i] ?? (value === null ? badQuality : 0);
    const one = mergeOne(trace, time, value, quality, novelty);
    if (one === 'reload') return one;
    if (one === 'changed') outcome = one;
  }
  return outcome;
}

function mergeOne(
  trace: Trace,
  time: number,
  value: Value,
  quality: number,
  novelty: Novelty,
): Merged {
  if (trace.body.shape === 'steps')
    return mergeStep(trace, trace.body, time, value, quality, novelty);
  return insert(trace, trace.body, time, value, quality);
}

/** Readings are kept in order of time. The same time with another value is a correction. */
function insert(trace: Trace, body: Readings, time: number, value: Value, quality: number): Merged {
  const at = indexAfter(body.t, time);
  if (body.t[at - 1] === time) {
    if (body.v[at - 1] === value) return 'same';
    body.v[at - 1] = value;
    body.q[at - 1] = quality;
    return 'changed';
  }
  body.t.splice(at, 0, time);
  body.v.splice(at, 0, value);
  body.q.splice(at, 0, quality);
  trace.readings++;
  return 'changed';
}

function mergeStep(
  trace: Trace,
  body: Steps,
  time: number,
  value: Value,
  quality: number,
  novelty: Novelty,
): Merged {
  const at = (windowStart(time, body.step) - body.t0) / body.step;
  if (at < 0) return 'same';
  if (at >= windowsMost) return 'reload';
  while (body.count.length <= at) {
    body.count.push(0);
    body.min.push(null);
    body.max.push(null);
    body.avg.push(null);
  }
  const number = quality === badQuality ? null : toNumber(value);
  if (number === null && trace.kind !== 'text') return 'same';
  const count = body.count[at] ?? 0;
  if (novelty === 'maybe' && count > 0) touch(body, at, number);
  else add(trace, body, at, count, number);
  return 'changed';
}

function add(trace: Trace, body: Steps, at: number, count: number, number: number | null): void {
  body.count[at] = count + 1;
  trace.readings++;
  if (number === null) return;
  widen(body, at, number);
  const average = body.avg[at] ?? number;
  body.avg[at] = average + (number - average) / (count + 1);
}

/**
 * A reading that came while history was being read may be counted there or not. Its
 * extremes can be merged either way; its window's count is settled by reading that window
 * again once it has closed.
 */
function touch(body: Steps, at: number, number: number | null): void {
  if (number !== null) widen(body, at, number);
  const start = body.t0 + at * body.step;
  body.unsettled = Math.min(body.unsettled ?? start, start);
}

function widen(body: Steps, at: number, number: number): void {
  body.min[at] = Math.min(body.min[at] ?? number, number);
  body.max[at] = Math.max(body.max[at] ?? number, number);
}

/** Puts windows that were read again in place of those that live readings had touched. */
export function settle(trace: Trace, answer: Windows): void {
  const body = trace.body;
  if (body.shape !== 'steps' || answer.step_ms !== body.step) return;
  const shift = (answer.t0 - body.t0) / body.step;
  answer.count.forEach((count, i) => {
    const at = shift + i;
    if (at < 0 || at >= body.count.length) return;
    trace.readings += count - (body.count[at] ?? 0);
    body.count[at] = count;
    body.min[at] = answer.min[i] ?? null;
    body.max[at] = answer.max[i] ?? null;
    body.avg[at] = answer.avg[i] ?? null;
  });
}

/** Drops what lies before `from`, so that a page left open for days stays small. */
export function forget(trace: Trace, from: number): void {
  const body = trace.body;
  if (body.shape === 'readings') {
    // One reading before the edge stays, so that the line enters from outside the plot.
    const gone = indexAfter(body.t, from - 1) - 1;
    if (gone <= 0) return;
    body.t.splice(0, gone);
    body.v.splice(0, gone);
    body.q.splice(0, gone);
    trace.readings -= gone;
    return;
  }
  const gone = Math.floor((from - body.t0) / body.step);
  if (gone <= 0) return;
  for (const column of [body.min, body.max, body.avg]) column.splice(0, gone);
  const counts = body.count.splice(0, gone);
  trace.readings -= counts.reduce((sum, count) => sum + count, 0);
  body.t0 += gone * body.step;
}

/** Index of the first time that is later than `time`. */
export function indexAfter(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
