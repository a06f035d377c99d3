/**
 * Sparklines for the rows on screen: asked for together, kept, and renewed each minute. A
 * device that is younger than a day shows its life so far at the scale of minutes or hours.
 */
import { signal } from '@preact/signals';
import { getWindows } from '../api/client.ts';
import { seriesName } from '../api/live.ts';
import type { Metric, SeriesId, Windows } from '../api/types.ts';
import { type SparkData, sparkOf } from '../components/Spark.tsx';
import { serverNow } from './clock.ts';
import { spanFor, spans } from './range.ts';

const HOUR = 3_600_000;
const width = 120;
const atOnce = 200;
const gatherMs = 30;
const renewMs = 60_000;
const renewYoungMs = 15_000;
const retryMs = 1000;

export const sparks = signal<ReadonlyMap<string, SparkData | null>>(new Map());

interface Wish {
  series: SeriesId;
  metric: Metric;
}

const visible = new Map<string, Wish>();
const asked = new Map<string, number>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** When a series began: the server's word, or what a day of windows has shown. */
const seen = new Map<string, number>();

function beginning({ series, metric }: Wish): number | null {
  return metric.first_t ?? seen.get(seriesName(series)) ?? null;
}

/** A series whose day is mostly empty is asked for again at the scale of its life. */
function learnBeginning(item: Windows, wish: Wish): void {
  const name = seriesName(item);
  const first = item.raw?.t[0] ?? windowOf(item);
  if (wish.metric.first_t || first === null || seen.has(name)) return;
  seen.set(name, first);
  if (serverNow() - first <= 6 * HOUR) asked.delete(name);
}

function windowOf({ count, t0, step_ms }: Windows): number | null {
  const at = count.findIndex((one) => one > 0);
  return at < 0 ? null : t0 + at * step_ms;
}

/** Keeps a series' sparkline fresh until the returned function is called. */
export function wantSpark(wish: Wish): () => void {
  const name = seriesName(wish.series);
  visible.set(name, wish);
  gather(gatherMs);
  return () => visible.delete(name);
}

function gather(wait: number): void {
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    timer = undefined;
    void readDue();
  }, wait);
}

async function readDue(): Promise<void> {
  const now = Date.now();
  const due = [...visible].filter(([name, wish]) => {
    const isYoung = spanFor(beginning(wish), serverNow()) <= HOUR;
    return now - (asked.get(name) ?? 0) >= (isYoung ? renewYoungMs : renewMs);
  });
  for (const [name] of due) asked.set(name, now);
  for (const span of spans) {
    const some = due
      .map(([, wish]) => wish)
      .filter((wish) => spanFor(beginning(wish), serverNow()) === span);
    for (let i = 0; i < some.length; i += atOnce) await readSome(some.slice(i, i + atOnce), span);
  }
  const isAgain = due.some(([name]) => !asked.has(name) && visible.has(name));
  if (visible.size > 0 && !document.hidden) gather(isAgain ? retryMs : renewMs / 4);
}

async function readSome(wishes: Wish[], spanMs: number): Promise<void> {
  const to = serverNow();
  const span = { from: to - spanMs, to };
  const byName = new Map(wishes.map((wish) => [seriesName(wish.series), wish]));
  try {
    const series = wishes.map((wish) => wish.series);
    const answer = await getWindows(series, span.from, to, width);
    const next = new Map(sparks.value);
    for (const item of answer.items) {
      const name = seriesName(item);
      const wish = byName.get(name);
      if (!wish) continue;
      next.set(name, sparkOf(item, span, wish.metric.interval_ms ?? null));
      learnBeginning(item, wish);
    }
    sparks.value = next;
  } catch {
    // The list says by itself when the server is away; the rows are asked for again.
    for (const name of byName.keys()) asked.delete(name);
  }
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && visible.size > 0) gather(gatherMs);
});
