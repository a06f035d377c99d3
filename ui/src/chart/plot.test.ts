import { describe, expect, it } from 'vitest';
import { extremesOf, nearest, plotOf } from './plot.ts';
import type { Trace } from './trace.ts';

function ofReadings(
  t: number[],
  v: (number | boolean | string | null)[],
  kind: Trace['kind'] = 'measurement',
): Trace {
  const q = v.map((value) => (value === null ? 2 : 0));
  return { kind, body: { shape: 'readings', t, v, q }, readings: t.length, tookMs: 1 };
}

function ofSteps(count: number[], avg: (number | null)[]): Trace {
  const body = {
    shape: 'steps',
    t0: 0,
    step: 1000,
    min: avg,
    max: avg,
    avg,
    count,
    unsettled: null,
  } as const;
  return {
    kind: 'measurement',
    body: { ...body, min: [...avg], max: [...avg] },
    readings: 1,
    tookMs: 1,
  };
}

describe('a plot', () => {
  it('lifts the pen over a gap', () => {
    const plot = plotOf(ofReadings([0, 1000, 2000, 60_000, 61_000], [1, 2, 3, 4, 5]), 1000);
    expect(plot.gaps).toEqual([{ from: 2000, to: 60_000 }]);
    expect(plot.y).toEqual([1, 2, 3, null, 4, 5]);
  });

  it('gives a bad reading no place on the line', () => {
    const plot = plotOf(ofReadings([0, 1000, 2000], [1, null, 3]), 1000);
    expect(plot.y).toEqual([1, null, 3]);
    expect(plot.bad).toEqual([1000]);
  });

  it('makes a dot of a reading that stands alone', () => {
    expect(plotOf(ofReadings([5000], [1]), null).lone).toEqual([0]);
    expect(
      plotOf(ofSteps([5, 5, 0, 0, 5, 0, 0, 5, 5], [1, 1, null, null, 2, null, null, 1, 1]), null)
        .lone,
    ).toHaveLength(1);
  });

  it('draws no line over an empty step', () => {
    const plot = plotOf(ofSteps([60, 60, 0, 60], [1, 2, null, 3]), null);
    expect(plot.y).toEqual([1, 2, null, 3]);
  });

  it('joins a state that goes on', () => {
    const plot = plotOf(
      ofReadings([0, 1000, 2000, 3000], [true, true, false, false], 'state'),
      1000,
    );
    expect(plot.stretches).toEqual([
      { from: 0, to: 2000, value: true, share: 1 },
      { from: 2000, to: 3000, value: false, share: 0 },
    ]);
  });

  it('weighs the average by readings', () => {
    const plot = plotOf(ofSteps([1, 3], [10, 20]), null);
    expect(extremesOf(plot, 0, 2000)).toEqual({ min: 10, max: 20, avg: 17.5 });
    expect(extremesOf(plot, 50_000, 60_000)).toBeNull();
  });

  it('finds the nearest row with a value', () => {
    const plot = plotOf(ofReadings([0, 1000, 2000], [1, null, 3]), 1000);
    expect(nearest(plot, 1200)).toBe(2);
    expect(nearest(plot, -5)).toBe(0);
    expect(nearest(plotOf(ofReadings([], []), null), 0)).toBe(-1);
  });
});
