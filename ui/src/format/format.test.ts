import { describe, expect, it } from 'vitest';
import {
  decimalsSent,
  formatCount,
  formatNumber,
  formatState,
  formatValue,
  toNumber,
} from './number.ts';
import {
  formatAge,
  formatCoarse,
  formatDuration,
  formatStep,
  formatTime,
  toInputValue,
} from './time.ts';
import { clockParts, instantOf, offsetAt } from './zone.ts';

describe('numbers', () => {
  it('have as many decimals as were sent, up to four figures', () => {
    expect(formatNumber(23.75)).toBe('23.75');
    expect(formatNumber(23.718)).toBe('23.72');
    expect(formatNumber(749.2)).toBe('749.2');
    expect(formatNumber(951_481)).toBe('951,481');
    expect(formatNumber(23.7, 2)).toBe('23.70');
    expect(formatNumber(-0.0001, 2)).toBe('0.00');
    expect(formatNumber(3e12)).toBe('3.000e12');
    expect(decimalsSent(0.1 + 0.2)).toBe(1);
    expect(formatCount(3_153_600)).toBe('3,153,600');
  });

  it('leave words and states alone', () => {
    expect(formatValue('away')).toBe('away');
    expect(formatValue(true)).toBe('on');
    expect(formatValue(null)).toBe('no value');
    expect(formatState(0)).toBe('off');
    expect(toNumber('7')).toBeNull();
    expect(toNumber(Number.NaN)).toBeNull();
  });
});

describe('durations', () => {
  it('are said in the units that matter', () => {
    expect(formatDuration(5 * 3_600_000)).toBe('5 h');
    expect(formatDuration(4_680_000)).toBe('1 h 18 min');
    expect(formatDuration(400)).toBe('400 ms');
    expect(formatCoarse(4_680_000)).toBe('1 h');
    expect(formatStep(1_800_000)).toBe('30 min');
    expect(formatStep(604_800_000)).toBe('7 d');
    expect(formatAge(500)).toBe('now');
    expect(formatAge(133_000)).toBe('2 min ago');
  });
});

describe('zones', () => {
  it('know both sides of a jump of the clocks', () => {
    const before = Date.UTC(2026, 2, 29, 0, 59);
    expect(offsetAt(before, 'browser')).toBe(3_600_000);
    expect(offsetAt(before + 120_000, 'browser')).toBe(7_200_000);
    expect(offsetAt(before, 'utc')).toBe(0);
  });

  it('give a clock reading back as the instant it came from', () => {
    for (let time = Date.UTC(2026, 2, 28); time < Date.UTC(2026, 2, 31); time += 1_800_000) {
      expect(instantOf(time + offsetAt(time, 'browser'), 'browser')).toBe(time);
    }
    expect(clockParts(Date.UTC(2026, 5, 1), 'browser').hour).toBe(2);
  });

  it('show in every text', () => {
    const time = Date.UTC(2026, 10, 24, 23, 30);
    expect(formatTime(time, 'clock', 'utc')).toBe('23:30');
    expect(formatTime(time, 'clock', 'browser')).toBe('00:30');
    expect(toInputValue(time, 3_600_000)).toBe('2026-11-25T00:30:00');
  });
});
