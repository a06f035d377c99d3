/** Draws one lane and remembers what must not jump from one drawing to the next. */
import { seriesName } from '../api/live.ts';
import type { Status } from '../api/types.ts';
import { type Digits, toNumber } from '../format/number.ts';
import { serverNow } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import type { Span } from '../state/range.ts';
import { isCurrent } from '../state/status.ts';
import type { Board, Lane } from './board.ts';
import type { Gap } from './gaps.ts';
import { digitsOf, hueOf } from './hue.ts';
import { paintFor } from './paint.ts';
import { type Extremes, extremesOf, type Plot } from './plot.ts';
import { type Form, formOf, gapsInView, holdToNow, plotToPen, sentDecimals } from './scene.ts';
import type { Surface } from './surface.ts';
import { timeTicks } from './ticks.ts';
import { autoRange, easeRange, type YRange } from './yrange.ts';

/** What the last drawing found out, for the words around the canvas. */
export interface Drawn {
  plot: Plot;
  form: Form;
  sent: Digits;
  extremes: Extremes | null;
  gaps: Gap[];
  /** Where the pen stands in the plot, in pixels; null when out of view. */
  pen: { x: number; y: number } | null;
  height: number;
  width: number;
  /** Height of a value in the plot, in pixels from its top. */
  heightOf: (value: number) => number;
}

export class Painter {
  private y: YRange | null = null;
  private sent = 0;
  private trace: Lane['trace'] = null;
  private spanWidth = 0;

  constructor(
    private board: Board,
    private lane: Lane,
    private surface: Surface,
  ) {}

  paint(status: Status): Drawn | null {
    const { metric, trace } = this.lane;
    if (!trace) return null;
    const span = this.board.span.value;
    const now = serverNow();
    const newest = latest.peek().get(seriesName(this.lane.series));
    const inView = newest !== undefined && newest.t >= span.from && newest.t <= span.to + 1000;
    const plot = plotToPen(trace, metric, inView ? newest : undefined);
    const form = formOf(metric, newest?.v);
    const isEmpty = plot.x.length === 0;
    const gaps = isEmpty ? [] : gapsInView(plot, metric, newest?.t ?? null, span, now);
    if (form !== 'line') holdToNow(plot, gaps, Math.min(now, span.to));
    const extremes = form === 'line' ? extremesOf(plot, span.from, span.to) : null;
    this.sent = sentDecimals(plot, newest, this.sent);
    const value = toNumber(newest?.v);
    const pen = inView && value !== null && newest.q < 2 ? { t: newest.t, v: value } : null;
    const drained = !isCurrent(status) && this.board.isFollowing;
    this.surface.draw({
      plot,
      form,
      span,
      timeTicks: timeTicks(span.from, span.to, this.surface.box.width, zone.peek()).map(
        (tick) => tick.time,
      ),
      y: this.range(form, extremes, span, pen?.v ?? null),
      gaps,
      paint: paintFor(hueOf(metric), drained, window.devicePixelRatio || 1),
      pen: form === 'line' ? pen : null,
    });
    const { height, width } = this.surface.box;
    const place = pen && form === 'line' ? this.surface.place(pen.t, pen.v) : null;
    const heightOf = (value: number) => this.surface.place(span.to, value).y;
    const sent = digitsOf(metric) ?? this.sent;
    return { plot, form, sent, extremes, gaps, pen: place, height, width, heightOf };
  }

  /** Fresh data or another span may choose a new range; live readings only widen it, a tick at a time. */
  private range(form: Form, found: Extremes | null, span: Span, pen: number | null): YRange {
    if (form !== 'line') return { lo: 0, hi: 1 };
    const min = Math.min(found?.min ?? pen ?? 0, pen ?? Number.POSITIVE_INFINITY);
    const max = Math.max(found?.max ?? pen ?? 1, pen ?? Number.NEGATIVE_INFINITY);
    const wanted = autoRange(min, max);
    const width = span.to - span.from;
    const isNew = this.trace !== this.lane.trace || Math.abs(width / this.spanWidth - 1) > 0.01;
    this.trace = this.lane.trace;
    this.spanWidth = width;
    this.y = isNew || !this.y ? wanted : easeRange(this.y, wanted, min, max);
    return this.y;
  }
}
