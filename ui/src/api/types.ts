/** Shapes of the public API, generated, under the names that the page uses. */
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type About = Schemas['AboutServer'];
export type Book = Schemas['Book'];
export type Books = Schemas['Books'];
export type Device = Omit<Schemas['Device'], 'metrics'> & { metrics: Metric[] };
export type DevicePage = Schemas['DevicePage'];
export type Heard = Schemas['Heard'];
export type HeardList = Schemas['HeardList'];
export type LiveMessage = Schemas['Changes'];
/** `own_unit`: what the device sends, where another unit is shown; see `shown.ts`. `first_t`: when the series began, where the server says it. */
export type Metric = Schemas['Metric'] & { first_t?: number | null; own_unit?: string | null };
export type HardwareMark = Schemas['HardwareMark'];
export type Problem = Schemas['Problem'];
export type RawColumns = Schemas['Columns'];
export type Retried = Schemas['Published'];
export type SeriesId = Schemas['SeriesName'];
export type UnreadMessage = Schemas['Unread'];
export type UnreadPage = Schemas['UnreadPage'];
export type Windows = Schemas['WindowColumns'];
export type ManyWindows = Schemas['ManyWindows'];
export type Counts = Record<string, number>;

/** A reading's value; `null` is a failed read. */
export type Value = number | boolean | string | null;

/** A cell of an answer as a value. What the page cannot show, it treats as a failed read. */
export function toValue(cell: unknown): Value {
  const isValue = typeof cell === 'number' || typeof cell === 'boolean' || typeof cell === 'string';
  return isValue ? cell : null;
}

export const statuses = ['online', 'sleeping', 'stale', 'offline', 'never_seen'] as const;
export type Status = (typeof statuses)[number];

/** A status that this page does not know yet is told as stale: look, do not trust. */
export function toStatus(word: string): Status {
  return statuses.find((status) => status === word) ?? 'stale';
}
