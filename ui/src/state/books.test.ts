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
  readings: { decoded: 4, stored: 3, duplicate: 0, replaced: 0, unsettled: 0, rejected: {} },
};

describe('the books', () => {
  it('say what became of what came in', () => {
    const { left, terms, balanced } = messageEquation(book);
    expect(left).toBe(20_571);
    expect(terms.map((term) => term.name)).toEqual(['stored', 'duplicate', 'rejected']);
    expect(balanced).toBe(true);
  });

  it('admit it when they do not balance', () => {
    expect(readingEquation(book).balanced).toBe(false);
  });
});
