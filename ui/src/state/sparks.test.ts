import { expect, it } from 'vitest';
import { spanFor } from './range.ts';

const HOUR = 3_600_000;

it('a young series is drawn at the scale of its life', () => {
  expect(spanFor(null, 0)).toBe(24 * HOUR);
  expect(spanFor(0, HOUR / 2)).toBe(HOUR);
  expect(spanFor(0, 9000)).toBe(HOUR / 12);
  expect(spanFor(0, 2 * HOUR)).toBe(6 * HOUR);
  expect(spanFor(0, 900 * HOUR)).toBe(24 * HOUR);
});
