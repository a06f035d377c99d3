import { expect, it } from 'vitest';
import { readNumber } from './typed.ts';

it('a number is read with a point or a comma', () => {
  expect(readNumber(' 0,5 ')).toBe(0.5);
  expect(readNumber('-0.5')).toBe(-0.5);
  expect(readNumber('0,125')).toBe(0.125);
  expect(readNumber('12,25')).toBe(12.25);
  expect(readNumber('1e-3')).toBe(0.001);
});

it('what is none, or may be two different ones, is refused', () => {
  for (const text of ['', ' ', '1.2.3', '1,2,3', '1.000,5', 'x', '1,000', '-21,375']) {
    expect(readNumber(text), text).toBeNull();
  }
});
