import { describe, expect, it } from 'vitest';
import {
  apply,
  freshLine,
  lineThrough,
  lineWords,
  readLine,
  sentOf,
  withOne,
} from './calibration.ts';
import { readLines, readTags, sameList } from './words.ts';

describe('a calibration', () => {
  it('goes through both pairs, and back to what was sent', () => {
    for (const [a, b] of [
      [
        [0, 0.4],
        [100, 99.1],
      ],
      [
        [-20, -19],
        [60, 62.5],
      ],
      [
        [1e6, 3],
        [2e6, -3],
      ],
    ] as const) {
      const line = lineThrough(a, b);
      if (!line) throw new Error('there is a line');
      expect(apply(line, a[0])).toBeCloseTo(a[1], 9);
      expect(apply(line, b[0])).toBeCloseTo(b[1], 9);
      expect(sentOf(line, apply(line, 17.5))).toBeCloseTo(17.5, 6);
    }
    expect(lineThrough([5, 1], [5, 2])).toBeNull();
    expect(lineThrough([5, 1], [6, 1])).toBeNull();
    expect(sentOf(null, 21)).toBe(21);
  });

  it('is read from the form as people type it', () => {
    expect(readLine({ ...freshLine, offset: '-0,5' })).toEqual({
      line: { scale: 1, offset: -0.5 },
      points: null,
    });
    expect(readLine({ ...freshLine, scale: '0' })).toEqual({ fault: 'scale' });
    expect(readLine({ ...freshLine, mode: 'pairs' })).toEqual({ fault: 'number' });
    const pairs: [[string, string], [string, string]] = [
      ['0', '1'],
      ['0', '2'],
    ];
    expect(readLine({ ...freshLine, mode: 'pairs', pairs })).toEqual({ fault: 'pairs' });
  });

  it('stands in the order of time, one for each time', () => {
    const line = { scale: 1, offset: 0 };
    const list = [
      { from: null, ...line },
      { from: 20, ...line },
    ];
    expect(withOne(list, { from: 10, ...line }).map((one) => one.from)).toEqual([null, 10, 20]);
    expect(withOne(list, { scale: 2, offset: 0 })).toEqual([{ scale: 2, offset: 0 }, list[1]]);
  });

  it('is told without what does nothing', () => {
    expect(lineWords({ scale: 1.02, offset: -0.5 }, String)).toBe('× 1.02 − 0.5');
    expect(lineWords({ scale: 1, offset: 0.5 }, String)).toBe('+ 0.5');
    expect(lineWords({ scale: 2, offset: 0 }, String)).toBe('× 2');
    expect(lineWords({ scale: 1, offset: 0 }, String)).toBe('+ 0');
  });
});

describe('lists of words', () => {
  it('are each once, without blanks', () => {
    expect(readTags('attic, cold ,, attic')).toEqual(['attic', 'cold']);
    expect(readLines(' home/# \n\nhome/#\nshed/+')).toEqual(['home/#', 'shed/+']);
    expect(sameList(['a'], ['a'])).toBe(true);
    expect(sameList(['a', 'b'], ['b', 'a'])).toBe(false);
  });
});
