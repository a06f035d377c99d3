import { expect, it } from 'vitest';
import type { Device } from '../api/types.ts';
import { isMeant } from './listed.ts';
import { Heights, sliceOf } from './slice.ts';

it('a slice and what stands around it are as high as the list', () => {
  const heights = Array.from({ length: 500 }, (_, i) => 60 + ((i * 37) % 90));
  const all = heights.reduce((sum, one) => sum + one, 0);
  for (let top = -500; top < all + 500; top += 333) {
    const slice = sliceOf(heights, top, top + 900);
    const inside = heights.slice(slice.from, slice.to).reduce((sum, one) => sum + one, 0);
    expect(slice.above + inside + slice.below).toBe(all);
    // Nothing that could be seen is left out.
    if (slice.to > slice.from) {
      expect(slice.above <= Math.max(0, top) || slice.from === 0).toBe(true);
      expect(slice.above + inside >= Math.min(top + 900, all)).toBe(true);
    } else expect(top + 900 <= 0 || top >= all).toBe(true);
  }
});

it('a row is taken for as high as one with as many values until it was drawn', () => {
  const heights = new Heights();
  expect(heights.learn('a', 2, 80)).toBe(true);
  expect(heights.learn('a', 2, 80)).toBe(false);
  expect([heights.of('b', 2), heights.of('b', 3)]).toEqual([80, 92]);
  heights.learn('b', 2, 120);
  expect([heights.of('a', 2), heights.of('c', 2)]).toEqual([80, 120]);
  expect(heights.learn('c', 2, 0)).toBe(false);
  heights.forget();
  expect(heights.of('a', 2)).toBe(92);
});

it('a device is found by every word of what it is called', () => {
  const device = {
    key: 'esp32/dht',
    name: 'Cold store',
    place: 'Cellar',
    group: null,
    tags: ['food', 'north'],
  } as unknown as Device;
  for (const text of ['', '  ', 'COLD', 'cellar dht', 'north store'])
    expect(isMeant(device, text), text).toBe(true);
  for (const text of ['warm', 'cellar attic']) expect(isMeant(device, text), text).toBe(false);
});
