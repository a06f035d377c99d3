import { describe, expect, it } from 'vitest';
import { gapsOfReadings, gapsOfSteps, isLone, openGap } from './gaps.ts';

const every = (from: number, step: number, count: number) =>
  Array.from({ length: count }, (_, i) => from + i * step);

describe('gaps between readings', () => {
  it('are holes much longer than the spacing around them', () => {
    const times = [...every(0, 10, 20), ...every(5000, 10, 20)].map((t) => t * 1000);
    expect(gapsOfReadings(times, null)).toEqual([{ from: 190_000, to: 5_000_000 }]);
  });

  it('are not made by a sensor that changes its pace', () => {
    const times = [...every(0, 1000, 60), ...every(120_000, 60_000, 30)];
    expect(gapsOfReadings(times, null)).toEqual([]);
  });

  it('are not made by a clock that alternates between 59 and 61 s', () => {
    const times = [0];
    for (let i = 0; i < 50; i++) times.push((times.at(-1) ?? 0) + (i % 2 === 0 ? 59_000 : 61_000));
    expect(gapsOfReadings(times, 60_000)).toEqual([]);
  });

  it('need the learned spacing where there is no neighbourhood', () => {
    expect(gapsOfReadings([0, 600_000], 60_000)).toEqual([{ from: 0, to: 600_000 }]);
    expect(gapsOfReadings([0, 600_000], null)).toEqual([]);
    expect(gapsOfReadings([], 1000)).toEqual([]);
  });
});

describe('gaps among steps', () => {
  it('are empty steps between full ones', () => {
    expect(gapsOfSteps([30, 30, 0, 30, 30], 0, 1_800_000)).toEqual([
      { from: 3_600_000, to: 5_400_000 },
    ]);
  });

  it('are not every second step of a sparse series', () => {
    expect(gapsOfSteps([1, 0, 1, 0, 1, 0, 1, 0, 1], 0, 30_000)).toEqual([]);
  });

  it('are found in a sparse series too', () => {
    const counts = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1];
    expect(gapsOfSteps(counts, 0, 30_000)).toEqual([{ from: 150_000, to: 330_000 }]);
  });

  it('do not reach beyond the data', () => {
    expect(gapsOfSteps([0, 0, 5, 5, 0, 0], 0, 1000)).toEqual([]);
  });
});

describe('the silence that lasts', () => {
  it('begins with the last reading, once it is later than three intervals', () => {
    expect(openGap(0, 31_000, 10_000)).toEqual({ from: 0, to: 31_000 });
    expect(openGap(0, 29_000, 10_000)).toBeNull();
    expect(openGap(null, 29_000, 10_000)).toBeNull();
    expect(openGap(0, 29_000, null)).toBeNull();
  });
});

describe('a lone reading', () => {
  it('has silence on both sides', () => {
    const times = [0, 10, 500, 990, 1000];
    const gaps = [
      { from: 10, to: 500 },
      { from: 500, to: 990 },
    ];
    expect(times.map((_, i) => isLone(i, times, gaps))).toEqual([false, false, true, false, false]);
    expect(isLone(0, [7], [])).toBe(true);
  });
});
