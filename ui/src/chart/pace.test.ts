import { describe, expect, it } from 'vitest';
import { drawDelay } from './pace.ts';

describe('drawDelay', () => {
  it('draws the first change after a quiet moment at once', () => {
    expect(drawDelay({ lastDraw: 0, lastCost: 5 }, 1000, 78_000)).toBe(0);
    expect(drawDelay({ lastDraw: 0, lastCost: 5 }, 100, 78_000)).toBe(0);
  });

  it('then waits for a pixel of time, between 100 ms and 1 s', () => {
    expect(drawDelay({ lastDraw: 1000, lastCost: 1 }, 1010, 78_000)).toBe(990);
    expect(drawDelay({ lastDraw: 1000, lastCost: 1 }, 1010, 5)).toBe(90);
    expect(drawDelay({ lastDraw: 1000, lastCost: 1 }, 1010, 300)).toBe(290);
  });

  it('never takes more than an eighth of the thread', () => {
    expect(drawDelay({ lastDraw: 1000, lastCost: 60 }, 1100, 5)).toBe(380);
  });
});
