/** Which stretch of time is on screen. Relative ranges follow the clock, fixed ones stay. */

export type Range =
  | { kind: 'last'; ms: number }
  | { kind: 'all' }
  | { kind: 'fixed'; from: number; to: number };

export interface Span {
  from: number;
  to: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const defaultRange: Range = { kind: 'last', ms: DAY };

export const presets = [
  { id: '5m', ms: 5 * MINUTE },
  { id: '1h', ms: HOUR },
  { id: '6h', ms: 6 * HOUR },
  { id: '24h', ms: DAY },
  { id: '7d', ms: 7 * DAY },
  { id: '30d', ms: 30 * DAY },
  { id: '1y', ms: 365 * DAY },
] as const;

const unitMs: Record<string, number> = { s: 1000, m: MINUTE, h: HOUR, d: DAY, y: 365 * DAY };
/** Narrower than this there is nothing left to tell apart. */
export const shortestSpan = 100;

/** Spans for what is younger than a day; the last is the usual one. */
export const spans = [5 * MINUTE, HOUR, 6 * HOUR, DAY] as const;

/** The shortest span that holds all readings since the first, or else a day. */
export function spanFor(firstReading: number | null, now: number): number {
  return spans.find((span) => firstReading !== null && now - firstReading <= span) ?? DAY;
}

/** Of what is long past so much is shown at first. */
const pastMost = 31 * DAY;

/**
 * What is shown of a device at first: the time since it began to speak, at most a day; or, where all that it has is older
 * than a day, such as what was brought in from a table, the stretch that has readings.
 */
export function usualRange(first: number | null, last: number | null, now: number): Range {
  if (last === null || now - last < DAY) return { kind: 'last', ms: spanFor(first, now) };
  const width = Math.min(last - (first ?? last - DAY), pastMost);
  const air = Math.max(MINUTE, Math.round(width / 50));
  return { kind: 'fixed', from: last - width - air, to: last + air };
}

/** The range that `from` and `to` of a query string ask for; `usual` if they make no sense. */
export function parseRange(from: string | null, to: string | null, usual = defaultRange): Range {
  if (from === 'all') return { kind: 'all' };
  const relative = /^now-(\d+)([smhdy])$/.exec(from ?? '');
  if (relative) {
    const ms = Number(relative[1]) * (unitMs[relative[2] ?? ''] ?? 0);
    return ms > 0 ? { kind: 'last', ms } : usual;
  }
  const start = Number(from);
  const end = Number(to);
  if (from && to && Number.isFinite(start) && Number.isFinite(end) && end > start) {
    return { kind: 'fixed', from: Math.round(start), to: Math.round(end) };
  }
  return usual;
}

/** The inverse of `parseRange`. */
export function rangeParams(range: Range): { from: string; to: string | null } {
  switch (range.kind) {
    case 'all':
      return { from: 'all', to: null };
    case 'fixed':
      return { from: String(range.from), to: String(range.to) };
    case 'last':
      return { from: `now-${relativeName(range.ms)}`, to: null };
  }
}

/** "24h" for a day: the name of the preset where there is one, else the largest even unit. */
export function relativeName(ms: number): string {
  const preset = presets.find((one) => one.ms === ms);
  if (preset) return preset.id;
  for (const unit of ['d', 'h', 'm']) {
    const size = unitMs[unit] ?? 1;
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.max(1, Math.round(ms / 1000))}s`;
}

/** The instants of a range at `now`. `firstReading` is where "all" begins. */
export function spanOf(range: Range, now: number, firstReading: number | null): Span {
  switch (range.kind) {
    case 'fixed':
      return { from: range.from, to: range.to };
    case 'last':
      return { from: now - range.ms, to: now };
    case 'all': {
      const from = firstReading ?? now - DAY;
      return { from: Math.min(from, now - MINUTE), to: now };
    }
  }
}

export function follows(range: Range): boolean {
  return range.kind !== 'fixed';
}

/** `span` made `factor` times as wide around `at`; never below the shortest, never past `limit`. */
export function zoomed(span: Span, factor: number, at: number, limit: number): Span {
  const width = span.to - span.from;
  const wanted = Math.max(shortestSpan, width * factor);
  const share = (at - span.from) / width;
  const from = at - share * wanted;
  const to = Math.min(from + wanted, Math.max(limit, span.to));
  return { from: Math.round(from), to: Math.round(to) };
}

/** `span` moved by `delta`; it stops where its right edge reaches `limit`. */
export function panned(span: Span, delta: number, limit: number): Span {
  const step = Math.min(delta, Math.max(0, limit - span.to));
  return { from: Math.round(span.from + step), to: Math.round(span.to + step) };
}
