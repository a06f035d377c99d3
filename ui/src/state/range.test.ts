import { describe, expect, it } from 'vitest';
import {
  defaultRange,
  panned,
  parseRange,
  presets,
  rangeParams,
  spanOf,
  usualRange,
  zoomed,
} from './range.ts';

const HOUR = 3_600_000;

describe('the range in the address', () => {
  it('is relative, absolute or all', () => {
    expect(parseRange('now-6h', null)).toEqual({ kind: 'last', ms: 6 * HOUR });
    expect(parseRange('1000', '2000')).toEqual({ kind: 'fixed', from: 1000, to: 2000 });
    expect(parseRange('all', null)).toEqual({ kind: 'all' });
  });

  it('falls back to a day when it makes no sense', () => {
    for (const [from, to] of [
      [null, null],
      ['x', 'y'],
      ['2000', '1000'],
      ['now-0h', null],
      ['now-6w', null],
    ] as const) {
      expect(parseRange(from, to)).toEqual(defaultRange);
    }
  });

  it('comes back as it went', () => {
    const ranges = [
      ...presets.map((preset) => ({ kind: 'last', ms: preset.ms }) as const),
      { kind: 'last', ms: 90_000 } as const,
      { kind: 'fixed', from: 5, to: 9 } as const,
      { kind: 'all' } as const,
    ];
    for (const range of ranges) {
      const { from, to } = rangeParams(range);
      expect(parseRange(from, to)).toEqual(range);
    }
  });
});

describe('the span of a range', () => {
  it('follows the clock unless it is fixed', () => {
    expect(spanOf({ kind: 'last', ms: 10 }, 100, null)).toEqual({ from: 90, to: 100 });
    expect(spanOf({ kind: 'fixed', from: 1, to: 2 }, 100, null)).toEqual({ from: 1, to: 2 });
    expect(spanOf({ kind: 'all' }, 10 * HOUR, HOUR)).toEqual({ from: HOUR, to: 10 * HOUR });
  });

  it('zooms around a time, which stays where it is', () => {
    expect(zoomed({ from: 0, to: 1000 }, 0.5, 500, 1000)).toEqual({ from: 250, to: 750 });
    expect(zoomed({ from: 0, to: 1000 }, 2, 0, 1000)).toEqual({ from: 0, to: 1000 });
    const narrow = zoomed({ from: 0, to: 1000 }, 0.0001, 500, 1000);
    expect(narrow.to - narrow.from).toBe(100);
  });

  it('pans into the past, and forward no further than now', () => {
    expect(panned({ from: 100, to: 200 }, -50, 250)).toEqual({ from: 50, to: 150 });
    expect(panned({ from: 100, to: 200 }, 500, 250)).toEqual({ from: 150, to: 250 });
  });
});

it('what is long past is shown where it has readings', () => {
  const day = 86_400_000;
  const now = 1000 * day;
  expect(usualRange(null, null, now)).toEqual({ kind: 'last', ms: day });
  expect(usualRange(0, now - 1000, now)).toEqual({ kind: 'last', ms: day });
  expect(usualRange(now - 1000, now, now)).toEqual({ kind: 'last', ms: 300_000 });
  const month = usualRange(100 * day, 110 * day, now);
  expect(month).toEqual({ kind: 'fixed', from: 99.8 * day, to: 110.2 * day });
  const years = usualRange(0, 900 * day, now);
  if (years.kind !== 'fixed') throw new Error(years.kind);
  expect(years.to).toBeGreaterThan(900 * day);
  expect(years.to - years.from).toBeLessThan(33 * day);
});
