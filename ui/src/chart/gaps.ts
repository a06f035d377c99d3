/**
 * Where a series was silent. What counts as silence comes from the neighbourhood of the
 * hole and not from one number a series: a sensor that speaks every second by day and
 * every minute by night has no gap at dusk.
 */
export interface Gap {
  from: number;
  to: number;
}

/** So many spacings on each side make up the neighbourhood. */
const neighbours = 8;
/** A hole this many usual spacings long is a gap. */
const tolerance = 3;
/** Shorter holes are the network's jitter. */
const shortestMs = 500;

function median(values: number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}

/** Usual spacing around spacing `at`: the slower of its two sides, `null` if it stands alone. */
export function usualSpacing(spacings: readonly number[], at: number): number | null {
  const left = median(spacings.slice(Math.max(0, at - neighbours), at));
  const right = median(spacings.slice(at + 1, at + 1 + neighbours));
  if (left === null) return right;
  return right === null ? left : Math.max(left, right);
}

/**
 * Gaps between readings at `times`. `interval` is the series' learned spacing, used only
 * where a neighbourhood says nothing.
 */
export function gapsOfReadings(times: readonly number[], interval: number | null): Gap[] {
  const spacings = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const gaps: Gap[] = [];
  // Only a spacing above the smallest possible threshold is worth a closer look.
  const floor = Math.max(shortestMs, tolerance * (median(spacings.slice(0, 4096)) ?? 0) * 0.2);
  spacings.forEach((spacing, i) => {
    if (spacing <= floor) return;
    const usual = usualSpacing(spacings, i) ?? interval;
    if (usual === null || spacing <= tolerance * usual) return;
    gaps.push({ from: times[i] ?? 0, to: times[i + 1] ?? 0 });
  });
  return gaps;
}

/**
 * Gaps among windows: runs of empty windows that are longer than the readings around them
 * are apart. Sparse series leave every second window empty without being silent.
 */
export function gapsOfSteps(counts: readonly number[], t0: number, step: number): Gap[] {
  const filled = counts.flatMap((count, i) => (count > 0 ? [i] : []));
  const spacings = filled.slice(1).map((at, i) => {
    const before = filled[i] ?? at;
    return ((at - before) * step) / (counts[before] ?? 1);
  });
  const gaps: Gap[] = [];
  filled.slice(1).forEach((at, i) => {
    const before = filled[i] ?? at;
    const empty = (at - before - 1) * step;
    if (empty === 0) return;
    const usual = usualSpacing(spacings, i) ?? 0;
    if (empty < (tolerance - 1) * usual) return;
    gaps.push({ from: t0 + (before + 1) * step, to: t0 + at * step });
  });
  return gaps;
}

/** The silence that lasts until `now`, if it is longer than the series' own rhythm explains. */
export function openGap(last: number | null, now: number, interval: number | null): Gap | null {
  if (last === null || interval === null) return null;
  const late = Math.max(tolerance * interval, 3000);
  return now - last > late ? { from: last, to: now } : null;
}

/** Times that stand alone: a gap, or nothing at all, on both sides. */
export function isLone(index: number, times: readonly number[], gaps: readonly Gap[]): boolean {
  const time = times[index] ?? 0;
  const first = index === 0 || gaps.some((gap) => gap.to === time);
  const last = index === times.length - 1 || gaps.some((gap) => gap.from === time);
  return first && last;
}
