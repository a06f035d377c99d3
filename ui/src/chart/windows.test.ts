import { describe, expect, it } from 'vitest';
import { chooseStep, steps, windowCount, windowStart } from './windows.ts';

describe('windows', () => {
  it('are aligned to the epoch, also before it', () => {
    expect(windowStart(1_700_000_123_456, 60_000)).toBe(1_700_000_100_000);
    expect(windowStart(-1, 1000)).toBe(-1000);
    expect(windowStart(120_000, 60_000)).toBe(120_000);
  });

  it('cover from, and leave to out', () => {
    expect(windowCount(0, 60_000, 60_000)).toBe(1);
    expect(windowCount(0, 60_001, 60_000)).toBe(2);
    expect(windowCount(59_999, 60_001, 60_000)).toBe(2);
    expect(windowCount(5, 5, 1000)).toBe(0);
  });

  it('are the finest that fit the width', () => {
    const day = 86_400_000;
    expect(chooseStep(0, day, 1000)).toBe(120_000);
    expect(chooseStep(0, day, 720)).toBe(120_000);
    expect(chooseStep(0, day, 719)).toBe(300_000);
    expect(chooseStep(0, 365 * day, 1000)).toBe(43_200_000);
    expect(chooseStep(0, 1e15, 10)).toBe(7 * day);
  });

  it('come from a list that only grows coarser', () => {
    expect([...steps].sort((a, b) => a - b)).toEqual(steps);
  });
});
