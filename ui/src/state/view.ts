/** The range in the address, and the one to go back to from a zoom. */
import { computed, effect, signal } from '@preact/signals';
import { defaultRange, parseRange, type Range, rangeParams } from './range.ts';
import { query, route, setQuery } from './url.ts';

/** What a page shows whose address names no range: it fits the age of the data. */
export const usual = signal<Range>(defaultRange);

export const range = computed<Range>(() =>
  parseRange(query.value.get('from'), query.value.get('to'), usual.value),
);

const lastFollowing = signal<Range>(defaultRange);
effect(() => {
  if (range.value.kind !== 'fixed') lastFollowing.value = range.value;
});

/** Overview and inbox have no range of their own. */
export const pageRange = computed<Range | null>(() =>
  route.value === 'device' ? range.value : null,
);

export function show(next: Range): void {
  setQuery(rangeParams(next), 'push');
}

/** Back to the last preset, and with it to live. */
export function backToLive(): void {
  show(lastFollowing.value);
}
