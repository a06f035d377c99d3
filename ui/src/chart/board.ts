/**
 * The charts of one page: one span of time, one crosshair, one load, and the lanes that
 * share them. It merges what comes live with what is read from history and decides when
 * to draw. It knows nothing of pixels but the width of a plot.
 */
import { batch, type Signal, signal } from '@preact/signals';
import { getSteps, getWindows } from '../api/client.ts';
import { listen, seriesName, subscribe } from '../api/live.ts';
import type { Metric, RawColumns, SeriesId, Windows } from '../api/types.ts';
import { serverNow } from '../state/clock.ts';
import { failureText } from '../state/fleet.ts';
import { follows, type Range, type Span, spanOf } from '../state/range.ts';
import { drawDelay, type Pace } from './pace.ts';
import { forget, type Merged, merge, type Novelty, settle, type Trace, traceOf } from './trace.ts';

export interface Lane {
  series: SeriesId;
  metric: Metric;
  trace: Trace | null;
  /** Goes up by one whenever the lane should be drawn again. */
  version: Signal<number>;
}

export type LoadState = { kind: 'loading' } | { kind: 'ready' } | { kind: 'failed'; why: string };

interface Arrival {
  at: number;
  name: string;
  columns: RawColumns;
}

/** A live message may trail the answer that holds its readings by so much. */
const trailMs = 400;
const settleAfterMs = 1000;
/** Every reading is drawn until there are this many times more than pixels. */
const crowded = 1.5;
const widthLeast = 100;
const widthMost = 2000;

export class Board {
  readonly lanes: Lane[];
  readonly span: Signal<Span>;
  readonly cursor = signal<number | null>(null);
  readonly locked = signal(false);
  readonly load = signal<LoadState>({ kind: 'loading' });

  /** Width of the plots in pixels; the axis has the same. */
  readonly plotWidth = signal(0);

  private range: Range;
  private width = 0;
  /** A finger holds the paper: it does not run on under it. */
  private isHeld = false;
  private firstReading: number | null = null;
  private abort: AbortController | null = null;
  private arrivals: Arrival[] = [];
  private answeredAt = 0;
  private pace: Pace = { lastDraw: 0, lastCost: 0 };
  private dirty = new Set<Lane>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private leave: (() => void)[] = [];

  constructor(device: string, metrics: Metric[], range: Range) {
    this.range = range;
    this.span = signal(spanOf(range, serverNow(), null));
    this.lanes = metrics.map((metric) => ({
      series: { device, metric: metric.name },
      metric,
      trace: null,
      version: signal(0),
    }));
  }

  start(): void {
    this.leave.push(
      listen({ readings: (series) => this.take(series), reset: () => void this.read() }),
      subscribe(this.lanes.map((lane) => lane.series)),
    );
  }

  stop(): void {
    for (const leave of this.leave) leave();
    this.abort?.abort();
    clearTimeout(this.timer);
  }

  /** The plot's width in pixels decides how fine the steps are. */
  setWidth(width: number): void {
    this.plotWidth.value = width;
    const pixels = width * Math.min(2, window.devicePixelRatio || 1);
    const next = Math.round(Math.min(widthMost, Math.max(widthLeast, pixels)));
    const grew = Math.abs(next - this.width) > this.width * 0.1;
    if (!grew) return;
    this.width = next;
    void this.read();
  }

  setRange(range: Range): void {
    this.range = range;
    this.isHeld = false;
    batch(() => {
      this.span.value = spanOf(range, serverNow(), this.firstReading);
      this.locked.value = false;
    });
    if (this.width > 0) void this.read();
  }

  /** Tells where "all" begins, once that is known. */
  beginAt(firstReading: number | null): void {
    this.firstReading = firstReading;
    if (this.range.kind === 'all') this.setRange(this.range);
  }

  /** Moves the view without reading, while a finger or a pointer is still down. */
  look(span: Span): void {
    this.isHeld = true;
    this.span.value = span;
  }

  get isFollowing(): boolean {
    return follows(this.range);
  }

  get msPerPixel(): number {
    return (this.span.value.to - this.span.value.from) / Math.max(1, this.plotWidth.value);
  }

  /** Lets the paper run on. Called once a second; it moves when a pixel has filled up. */
  tick(now: number): void {
    this.settleClosed(now);
    if (!this.isFollowing || this.load.value.kind === 'loading') return;
    if (now - this.span.value.to < this.msPerPixel) return;
    this.advance(now);
  }

  private advance(now: number): void {
    if (!this.isFollowing || this.isHeld) return;
    this.span.value = spanOf(this.range, now, this.firstReading);
  }

  /** Reads history for the span. What is drawn stays until the answer is there. */
  async read(): Promise<void> {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.load.value = { kind: 'loading' };
    this.arrivals = [];
    this.answeredAt = Number.POSITIVE_INFINITY;
    const { from, to } = this.follow();
    try {
      const series = this.lanes.map((lane) => lane.series);
      const answer = await getWindows(series, from, to, this.width, abort.signal);
      if (this.abort !== abort) return;
      this.answer(answer.items);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.load.value = { kind: 'failed', why: failureText(error) };
    }
  }

  private follow(): Span {
    if (this.isFollowing && !this.isHeld)
      this.span.value = spanOf(this.range, serverNow(), this.firstReading);
    const { from, to } = this.span.value;
    return { from: Math.floor(from), to: Math.ceil(to) };
  }

  private answer(items: Windows[]): void {
    this.answeredAt = performance.now();
    const byMetric = new Map(items.map((item) => [item.metric, item]));
    batch(() => {
      for (const lane of this.lanes) {
        const item = byMetric.get(lane.series.metric);
        lane.trace = item ? traceOf(item) : null;
        lane.version.value++;
      }
      this.load.value = { kind: 'ready' };
      // What came while history was being read may be in it or not.
      for (const { name, columns } of this.arrivals) this.mergeInto(name, columns, 'maybe');
      this.arrivals = [];
    });
  }

  private take(series: Record<string, RawColumns>): void {
    const at = performance.now();
    let outcome: Merged = 'same';
    for (const [name, columns] of Object.entries(series)) {
      if (this.load.value.kind === 'loading') this.arrivals.push({ at, name, columns });
      const novelty = at < this.answeredAt + trailMs ? 'maybe' : 'new';
      const one = this.mergeInto(name, columns, novelty);
      if (one === 'reload') outcome = one;
    }
    if (outcome === 'reload') void this.read();
    else if (this.dirty.size > 0) this.schedule();
  }

  private mergeInto(name: string, columns: RawColumns, novelty: Novelty): Merged {
    const lane = this.lanes.find((one) => seriesName(one.series) === name);
    if (!lane?.trace) return 'same';
    const inView = this.isFollowing ? columns : within(columns, this.span.value);
    const outcome = merge(lane.trace, inView, novelty);
    if (outcome !== 'same') this.dirty.add(lane);
    const body = lane.trace.body;
    const full = body.shape === 'readings' && body.t.length > this.width * crowded;
    return full && this.isFollowing && this.load.value.kind !== 'loading' ? 'reload' : outcome;
  }

  private schedule(): void {
    if (this.timer !== undefined) return;
    const wait = drawDelay(this.pace, performance.now(), this.msPerPixel);
    this.timer = setTimeout(() => requestAnimationFrame(() => this.draw()), wait);
  }

  private draw(): void {
    this.timer = undefined;
    const start = performance.now();
    batch(() => {
      this.advance(serverNow());
      for (const lane of this.dirty) {
        if (lane.trace && this.isFollowing) forget(lane.trace, this.span.value.from);
        lane.version.value++;
      }
      this.dirty.clear();
    });
    this.pace = { lastDraw: start, lastCost: performance.now() - start };
  }

  /** Reads the closed windows again whose counts live readings left in doubt. */
  private settleClosed(now: number): void {
    for (const lane of this.lanes) {
      const body = lane.trace?.body;
      if (body?.shape !== 'steps' || body.unsettled === null) continue;
      const from = body.unsettled;
      const to = from + body.step;
      if (now < to + settleAfterMs) continue;
      body.unsettled = null;
      getSteps(lane.series, from, to, body.step)
        .then((answer) => {
          if (lane.trace?.body !== body) return;
          settle(lane.trace, answer);
          lane.version.value++;
        })
        // The average of one window stays a reading off: the next load puts it right.
        .catch(() => undefined);
    }
  }
}

function within(columns: RawColumns, span: Span): RawColumns {
  const kept = columns.t.flatMap((time, i) => (time >= span.from && time < span.to ? [i] : []));
  const pick = <T>(column: T[]) => kept.flatMap((i) => column[i] ?? []);
  return {
    t: pick(columns.t),
    v: kept.map((i) => columns.v[i] ?? null),
    ...(columns.q && { q: pick(columns.q) }),
  };
}
