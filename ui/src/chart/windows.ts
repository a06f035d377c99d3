/**
 * The server's rule for windows, applied in the browser to live readings: windows are
 * aligned to the epoch, so a window never changes its edges as the view moves on.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const steps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  DAY,
  7 * DAY,
];

/** Start of the window that holds `time`. */
export function windowStart(time: number, step: number): number {
  return Math.floor(time / step) * step;
}

/** Windows that cover [from, to), `to` exclusive. */
export function windowCount(from: number, to: number, step: number): number {
  return to <= from ? 0 : Math.ceil((to - windowStart(from, step)) / step);
}

/** The smallest step whose windows number at most `width`; the largest step if none does. */
export function chooseStep(from: number, to: number, width: number): number {
  return steps.find((step) => windowCount(from, to, step) <= width) ?? 7 * DAY;
}
