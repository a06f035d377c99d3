/** The vertical range of a lane: automatic, with air, and calm while data comes in. */
export interface YRange {
  lo: number;
  hi: number;
}

const air = 0.12;

/** `lo`..`hi` of the data with 12 % air. A flat line gets room around it; nothing dips below 0 that cannot. */
export function autoRange(min: number, max: number): YRange {
  if (min === max) {
    const room = Math.max(Math.abs(min) * 0.01, 0.5);
    return { lo: min === 0 ? -0.05 * room : min - room, hi: max + room };
  }
  const pad = (max - min) * air;
  const lo = min >= 0 && min - pad < 0 ? Math.min(0, min) - pad * 0.25 : min - pad;
  return { lo, hi: max + pad };
}

/** Round distance between ticks for about `count` of them. */
export function tickStep(range: YRange, count: number): number {
  const rough = (range.hi - range.lo) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10;
  return factor * power;
}

/** About `count` round values inside the range, and at least two: one alone is no scale. */
export function ticks(range: YRange, count: number): { step: number; values: number[] } {
  for (let wanted = count; ; wanted *= 1.6) {
    const step = tickStep(range, wanted);
    const values = multiples(range, step);
    if (values.length >= 2 || wanted > 16) return { step, values };
  }
}

function multiples(range: YRange, step: number): number[] {
  const found: number[] = [];
  for (let n = Math.ceil(range.lo / step); n * step <= range.hi; n++) found.push(n * step + 0);
  return found;
}

/**
 * The next range on the way from `shown` to `wanted`: data inside the shown range moves
 * nothing; data outside widens it by at most one tick a redraw, so that the paper never jumps.
 */
export function easeRange(shown: YRange, wanted: YRange, dataMin: number, dataMax: number): YRange {
  const tick = tickStep(shown, 3);
  const lo = dataMin < shown.lo ? Math.max(wanted.lo, shown.lo - tick) : shown.lo;
  const hi = dataMax > shown.hi ? Math.min(wanted.hi, shown.hi + tick) : shown.hi;
  return { lo, hi };
}
