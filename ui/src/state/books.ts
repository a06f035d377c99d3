/** The books as an equation that a reader can check: what came in is what became of it. */
import type { Book, Counts } from '../api/types.ts';

export interface Term {
  name:
    | 'stored'
    | 'no_reading'
    | 'duplicate'
    | 'rejected'
    | 'in_flight'
    | 'replaced'
    | 'unsettled'
    | 'upserted';
  count: number;
}

export interface Equation {
  left: number;
  terms: Term[];
  balanced: boolean;
}

export function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Terms that are 0 are left out, except the first, which is the point of it all. */
function equation(left: number, all: Term[]): Equation {
  const sum = all.reduce((total, term) => total + term.count, 0);
  const terms = all.filter((term, i) => i === 0 || term.count !== 0);
  return { left, terms, balanced: sum === left };
}

export function messageEquation({ messages }: Book): Equation {
  return equation(messages.received, [
    { name: 'stored', count: messages.stored },
    { name: 'no_reading', count: sumOf(messages.no_reading) },
    { name: 'duplicate', count: messages.duplicate },
    { name: 'rejected', count: sumOf(messages.rejected) },
    { name: 'in_flight', count: messages.in_flight },
  ]);
}

/** A store that does not look before it writes calls all that it stores upserted. */
export function readingEquation({ readings }: Book): Equation {
  return equation(readings.decoded, [
    {
      name: readings.upserted ? 'upserted' : 'stored',
      count: readings.stored + readings.upserted,
    },
    { name: 'duplicate', count: readings.duplicate },
    { name: 'replaced', count: readings.replaced },
    { name: 'unsettled', count: readings.unsettled },
    { name: 'rejected', count: sumOf(readings.rejected) },
  ]);
}
