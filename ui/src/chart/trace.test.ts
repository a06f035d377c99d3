import { describe, expect, it } from 'vitest';
import type { Windows } from '../api/types.ts';
import { forget, indexAfter, merge, settle, type Trace, traceOf } from './trace.ts';

function answer(part: Partial<Windows>): Windows {
  return {
    device: 'd',
    metric: 'm',
    unit: '°C',
    kind: 'measurement',
    t0: 0,
    step_ms: 1000,
    partial: { first: false, last: false },
    readings: 0,
    min: [],
    max: [],
    avg: [],
    count: [],
    raw: null,
    took_ms: 1,
    ...part,
  };
}

const readings = (t: number[], v: (number | null)[]): Trace =>
  traceOf(answer({ raw: { t, v }, readings: t.length }));
const steps = (): Trace =>
  traceOf(
    answer({
      readings: 3,
      count: [2, 0, 1],
      min: [1, null, 5],
      max: [3, null, 5],
      avg: [2, null, 5],
    }),
  );

describe('a trace of readings', () => {
  it('takes live readings once, in order of time', () => {
    const trace = readings([10, 30], [1, 3]);
    expect(merge(trace, { t: [40, 20, 30], v: [4, 2, 3] }, 'maybe')).toBe('changed');
    expect(trace.body).toMatchObject({ t: [10, 20, 30, 40], v: [1, 2, 3, 4] });
    expect(trace.readings).toBe(4);
    expect(merge(trace, { t: [40, 20], v: [4, 2] }, 'new')).toBe('same');
  });

  it('takes a correction of the same time', () => {
    const trace = readings([10], [1]);
    expect(merge(trace, { t: [10], v: [9] }, 'new')).toBe('changed');
    expect(trace.body).toMatchObject({ t: [10], v: [9] });
  });

  it('keeps a failed read as a bad one', () => {
    const trace = readings([10], [1]);
    merge(trace, { t: [20], v: [null] }, 'new');
    expect(trace.body).toMatchObject({ v: [1, null], q: [0, 2] });
  });

  it('forgets what has left the paper, but for the reading before the edge', () => {
    const trace = readings([10, 20, 30, 40], [1, 2, 3, 4]);
    forget(trace, 25);
    expect(trace.body).toMatchObject({ t: [20, 30, 40] });
  });
});

describe('a trace of steps', () => {
  it('counts a new reading into its window', () => {
    const trace = steps();
    expect(merge(trace, { t: [2500], v: [8] }, 'new')).toBe('changed');
    expect(trace.body).toMatchObject({
      count: [2, 0, 2],
      min: [1, null, 5],
      max: [3, null, 8],
      avg: [2, null, 6.5],
    });
    expect(trace.readings).toBe(4);
  });

  it('opens windows as time goes on', () => {
    const trace = steps();
    merge(trace, { t: [5100], v: [7] }, 'new');
    expect(trace.body).toMatchObject({
      count: [2, 0, 1, 0, 0, 1],
      avg: [2, null, 5, null, null, 7],
    });
  });

  it('takes only the extremes of a reading that history may hold already', () => {
    const trace = steps();
    merge(trace, { t: [2100], v: [9] }, 'maybe');
    expect(trace.body).toMatchObject({
      count: [2, 0, 1],
      max: [3, null, 9],
      avg: [2, null, 5],
      unsettled: 2000,
    });
  });

  it('counts such a reading where history had none', () => {
    const trace = steps();
    merge(trace, { t: [1100], v: [4] }, 'maybe');
    expect(trace.body).toMatchObject({ count: [2, 1, 1], unsettled: null });
  });

  it('is settled by windows that were read again', () => {
    const trace = steps();
    merge(trace, { t: [2100], v: [9] }, 'maybe');
    settle(trace, answer({ t0: 2000, count: [2], min: [5], max: [9], avg: [7] }));
    expect(trace.body).toMatchObject({ count: [2, 0, 2], avg: [2, null, 7] });
    expect(trace.readings).toBe(4);
  });

  it('ignores bad readings and asks to read again when the view has jumped', () => {
    const trace = steps();
    expect(merge(trace, { t: [2100], v: [null], q: [2] }, 'new')).toBe('same');
    expect(merge(trace, { t: [1e12], v: [1] }, 'new')).toBe('reload');
  });

  it('forgets windows that have left the paper', () => {
    const trace = steps();
    forget(trace, 2000);
    expect(trace.body).toMatchObject({ t0: 2000, count: [1] });
    expect(trace.readings).toBe(1);
  });
});

describe('indexAfter', () => {
  it('finds the first later time', () => {
    expect(indexAfter([1, 3, 3, 5], 3)).toBe(3);
    expect(indexAfter([], 3)).toBe(0);
    expect(indexAfter([1], 0)).toBe(0);
  });
});
