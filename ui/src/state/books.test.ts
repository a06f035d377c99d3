import { describe, expect, it } from 'vitest';
import type { Book } from '../api/types.ts';
import { messageEquation, readingEquation } from './books.ts';

const book: Book = {
  messages: {
    received: 20_571,
    stored: 20_560,
    no_reading: {},
    duplicate: 9,
    rejected: { packet_too_large: 2 },
    in_flight: 0,
  },
  readings: {
    decoded: 4,
    stored: 3,
    duplicate: 0,
    replaced: 0,
    unsettled: 0,
    upserted: 0,
    rejected: {},
  },
};

describe('the books', () => {
  it('say what became of what came in', () => {
    const { left, terms, balanced } = messageEquation(book);
    expect(left).toBe(20_571);
    expect(terms.map((term) => term.name)).toEqual(['stored', 'duplicate', 'rejected']);
    expect(balanced).toBe(true);
  });

  it('say written where the store does not look what was there', () => {
    const readings = { ...book.readings, stored: 0, upserted: 3, rejected: { time: 1 } };
    const { terms, balanced } = readingEquation({ ...book, readings });
    expect(terms.map((term) => term.name)).toEqual(['upserted', 'rejected']);
    expect(balanced).toBe(true);
    const nothing = { ...book.readings, decoded: 0, stored: 0 };
    expect(readingEquation({ ...book, readings: nothing }).terms.map((term) => term.name)).toEqual([
      'stored',
    ]);
  });

  it('admit it when they do not balance', () => {
    expect(readingEquation(book).balanced).toBe(false);
  });
});
