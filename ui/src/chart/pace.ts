/**
 * When live data is drawn. The first change after a quiet moment is drawn at once; after
 * that a redraw has to be worth it: once per pixel of time, and never more than an eighth
 * of the thread.
 */
const quietMs = 100;
const slowestMs = 1000;
const threadShare = 8;

export interface Pace {
  lastDraw: number;
  lastCost: number;
}

/** Milliseconds to wait from `now` until the next redraw. 0 means in the next frame. */
export function drawDelay(pace: Pace, now: number, msPerPixel: number): number {
  const since = now - pace.lastDraw;
  const byPixel = Math.min(slowestMs, Math.max(quietMs, msPerPixel));
  const byCost = pace.lastCost * threadShare;
  const isQuiet = since >= Math.max(quietMs, byCost);
  return isQuiet && since >= quietMs ? 0 : Math.max(0, Math.max(byPixel, byCost) - since);
}
