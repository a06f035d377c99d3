/** Numbers as people type them. */

/**
 * With a point or a comma before the fraction; null where it is none, or where the comma may
 * as well part thousands: `1,000`.
 */
export function readNumber(text: string): number | null {
  const trimmed = text.trim();
  if (/^[-+]?[1-9]\d{0,2},\d{3}$/.test(trimmed)) return null;
  const value = Number(trimmed.replace(',', '.'));
  return trimmed === '' || !Number.isFinite(value) ? null : value;
}
