import { describe, expect, it } from 'vitest';
import { autoRange, easeRange, ticks } from './yrange.ts';

describe('the vertical range', () => {
  it('has 12 % air', () => {
    expect(autoRange(10, 20)).toEqual({ lo: 8.8, hi: 21.2 });
  });

  it('stays near 0 for what is never negative', () => {
    const range = autoRange(0, 100);
    expect(range.lo).toBeGreaterThan(-5);
    expect(range.lo).toBeLessThanOrEqual(0);
  });

  it('gives a flat line room', () => {
    expect(autoRange(20, 20)).toEqual({ lo: 19.5, hi: 20.5 });
    expect(autoRange(0, 0).hi).toBe(0.5);
  });

  it('does not move for data inside it', () => {
    const shown = { lo: 0, hi: 10 };
    expect(easeRange(shown, autoRange(4, 6), 4, 6)).toEqual(shown);
  });

  it('widens by at most one tick a redraw', () => {
    const eased = easeRange({ lo: 0, hi: 10 }, autoRange(0, 1000), 0, 1000);
    expect(eased).toEqual({ lo: 0, hi: 15 });
  });

  it('has at least two marks', () => {
    for (const [lo, hi] of [
      [57, 64.2],
      [0, 1],
      [999.7, 1001.1],
      [-3e6, 8e6],
      [0.001, 0.0013],
    ] as const) {
      const { values } = ticks({ lo, hi }, 2);
      expect(values.length).toBeGreaterThanOrEqual(2);
      for (const value of values) expect(value >= lo && value <= hi).toBe(true);
    }
  });
});
