/**
 * One lane of the recorder: a line on shared paper, its pen, and the value at the pen's
 * height. It owns its surface and its words; time, crosshair and data belong to the board.
 */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { seriesName } from '../api/live.ts';
import type { Status } from '../api/types.ts';
import { toNumber } from '../format/number.ts';
import { formatDuration } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { serverNow } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { paintCount, zone } from '../state/prefs.ts';
import type { Span } from '../state/range.ts';
import type { Board, Lane } from './board.ts';
import { DataTable } from './DataTable.tsx';
import type { Gap } from './gaps.ts';
import { attachGestures } from './gestures.ts';
import { hueOf, metricTitle } from './hue.ts';
import { type KeyAction, keyAction } from './keyboard.ts';
import { PenValue } from './PenValue.tsx';
import { paintFor } from './paint.ts';
import { type Extremes, extremesOf, nearest, type Plot } from './plot.ts';
import {
  extremesText,
  type Form,
  footerOf,
  formOf,
  gapsInView,
  holdToNow,
  plotToPen,
  rowWords,
  sentDecimals,
  summaryOf,
} from './scene.ts';
import { Surface } from './surface.ts';
import { Tip } from './Tip.tsx';
import { timeTicks } from './ticks.ts';
import { autoRange, easeRange, type YRange } from './yrange.ts';

export interface ChartActions {
  zoom(span: Span): void;
  reset(): void;
  speak(words: string): void;
  goToReadings(): void;
}

interface Props {
  board: Board;
  lane: Lane;
  status: Status;
  gutter: number;
  actions: ChartActions;
}

/** What the last drawing found out, for the words around the canvas. */
export interface Drawn {
  plot: Plot;
  form: Form;
  sent: number;
  extremes: Extremes | null;
  gaps: Gap[];
  /** Where the pen stands in the plot, in pixels; null when out of view. */
  pen: { x: number; y: number } | null;
  height: number;
  width: number;
}

const tableRows = 400;
const hiddenRows = 24;

export function TimeChart({ board, lane, status, gutter, actions }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const surface = useRef<Surface | null>(null);
  const drawn = useSignal<Drawn | null>(null);
  const isTableOpen = useSignal(false);
  const id = useId();
  useSurface({ board, lane, status, gutter, actions }, host, surface, drawn);

  const title = metricTitle(lane.metric.name);
  const onKeyDown = (event: KeyboardEvent) => {
    const action = keyAction(event.key, event.shiftKey);
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    perform(action, board, drawn.value, lane, actions);
  };
  const form = drawn.value?.form ?? formOf(lane.metric, lane.metric.latest?.v);
  const label = t('chart.label', { name: title, unit: lane.metric.unit ?? t('unit.none') });
  return (
    <section
      class={`lane lane-${form}`}
      data-hue={hueOf(lane.metric)}
      aria-labelledby={`${id}-title`}
    >
      <header class="lane-head">
        <h2 id={`${id}-title`}>{title}</h2>
        <LaneNotes drawn={drawn.value} lane={lane} />
        <button
          type="button"
          class="quiet"
          aria-expanded={isTableOpen.value}
          aria-label={t('table.button_label', { name: title })}
          onClick={() => {
            isTableOpen.value = !isTableOpen.value;
          }}
        >
          {t('table.button')}
        </button>
      </header>
      <div class="lane-body">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys read the values of the figure */}
        <div
          class="lane-plot"
          ref={host}
          role="figure"
          aria-label={label}
          aria-describedby={`${id}-sum`}
          tabIndex={0}
          onKeyDown={onKeyDown}
        >
          <Pen drawn={drawn.value} gutter={gutter} lane={lane} />
          <Tip board={board} drawn={drawn.value} unit={lane.metric.unit} gutter={gutter} />
          <LaneEmpty board={board} drawn={drawn.value} actions={actions} />
        </div>
        <PenValue lane={lane} drawn={drawn.value} status={status} />
      </div>
      <Words
        drawn={drawn.value}
        lane={lane}
        board={board}
        id={`${id}-sum`}
        isOpen={isTableOpen.value}
      />
    </section>
  );
}

/** Keeps the canvas in step with the signals that it draws. */
function useSurface(
  { board, lane, status, gutter, actions }: Props,
  host: { current: HTMLDivElement | null },
  surface: { current: Surface | null },
  drawn: { value: Drawn | null },
): void {
  const isVisible = useSignal(true);
  const size = useSignal({ width: 0, height: 0 });
  const painter = useRef<Painter | null>(null);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const view = {
      span: () => board.span.value,
      limit: serverNow,
      look: (span: Span) => board.look(span),
      settle: actions.zoom,
      reset: actions.reset,
    };
    const made = new Surface(
      element,
      { width: element.clientWidth, height: element.clientHeight },
      gutter,
      {
        zoom: actions.zoom,
        reset: actions.reset,
        hover: (time) => {
          if (!board.locked.value) board.cursor.value = time;
        },
        click: () => {
          board.locked.value = !board.locked.value && board.cursor.value !== null;
        },
      },
    );
    surface.current = made;
    painter.current = new Painter(board, lane, made);
    const stopGestures = attachGestures(made.over, view);
    const resizing = new ResizeObserver(() => {
      made.resize(element.clientWidth, element.clientHeight);
      size.value = { width: element.clientWidth, height: element.clientHeight };
      board.setWidth(element.clientWidth - gutter);
    });
    resizing.observe(element);
    const watching = new IntersectionObserver((entries) => {
      isVisible.value = entries.at(-1)?.isIntersecting ?? true;
    });
    watching.observe(element);
    return () => {
      stopGestures();
      resizing.disconnect();
      watching.disconnect();
      made.destroy();
      surface.current = null;
    };
  }, [board, lane]);

  useSignalEffect(() => {
    // Read first, so that the effect runs again when any of these changes.
    const reasons = [
      lane.version.value,
      board.span.value,
      paintCount.value,
      zone.value,
      size.value,
    ];
    if (!isVisible.value || size.value.width === 0 || reasons.length === 0) return;
    const next = painter.current?.paint(status);
    if (next) drawn.value = next;
  });
  useSignalEffect(() => {
    surface.current?.setCursor(board.cursor.value);
  });
}

/** Draws one lane and remembers what must not jump from one drawing to the next. */
class Painter {
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
    const gaps = gapsInView(plot, metric, newest?.t ?? null, span, now);
    if (form !== 'line') holdToNow(plot, gaps, Math.min(now, span.to));
    const extremes = form === 'line' ? extremesOf(plot, span.from, span.to) : null;
    this.sent = sentDecimals(plot, newest, this.sent);
    const value = toNumber(newest?.v);
    const pen = inView && value !== null && newest.q < 2 ? { t: newest.t, v: value } : null;
    const drained = status !== 'online' && this.board.isFollowing;
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
    return { plot, form, sent: this.sent, extremes, gaps, pen: place, height, width };
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

function perform(
  action: KeyAction,
  board: Board,
  drawn: Drawn | null,
  lane: Lane,
  actions: ChartActions,
) {
  const span = board.span.value;
  const width = span.to - span.from;
  switch (action.kind) {
    case 'reset':
      board.locked.value = false;
      board.cursor.value = null;
      return actions.reset();
    case 'pan':
      return actions.zoom(movedBy(span, action.share * width));
    case 'zoom': {
      const middle = board.cursor.value ?? (span.from + span.to) / 2;
      const half = (width * action.factor) / 2;
      return actions.zoom({ from: Math.round(middle - half), to: Math.round(middle + half) });
    }
    case 'step':
    case 'edge':
      if (drawn) readOut(action, board, drawn, lane, actions);
  }
}

function movedBy(span: Span, delta: number): Span {
  return { from: Math.round(span.from + delta), to: Math.round(span.to + delta) };
}

/** Moves the crosshair by rows with a value and says what stands there. */
function readOut(
  action: Extract<KeyAction, { kind: 'step' | 'edge' }>,
  board: Board,
  { plot, form, sent }: Drawn,
  lane: Lane,
  actions: ChartActions,
) {
  const filled = [...plot.x.keys()].filter((i) => (plot.count[i] ?? 0) > 0);
  const last = filled.length - 1;
  if (last < 0) return actions.speak(t('chart.nothing'));
  const here = board.cursor.value === null ? -1 : filled.indexOf(nearest(plot, board.cursor.value));
  const from = here < 0 ? last + 1 : here;
  const to = action.kind === 'edge' ? (action.side === 'first' ? 0 : last) : from + action.by;
  const i = filled[Math.min(last, Math.max(0, to))] ?? 0;
  board.cursor.value = plot.x[i] ?? null;
  const words = rowWords(plot, i, form, lane.metric.unit, sent, zone.value);
  actions.speak([`${words.time}: ${words.value}`, words.between].filter(Boolean).join(', '));
}

function LaneNotes({ drawn, lane }: { drawn: Drawn | null; lane: Lane }) {
  if (!drawn || !lane.trace) return null;
  const steps = drawn.plot.x.filter((_, i) => (drawn.plot.count[i] ?? 0) > 0).length;
  return (
    <>
      {drawn.extremes && (
        <span class="lane-extremes">{extremesText(drawn.extremes, drawn.sent)}</span>
      )}
      <span class="lane-foot">{footerOf(lane.trace, steps)}</span>
    </>
  );
}

/** The open ring at the end of a live line. It blinks once for each stored reading. */
function Pen({ drawn, gutter, lane }: { drawn: Drawn | null; gutter: number; lane: Lane }) {
  const time = useComputed(() => latest.value.get(seriesName(lane.series))?.t ?? 0).value;
  if (!drawn?.pen) return null;
  const { x, y } = drawn.pen;
  if (x < 0 || x > drawn.width + 2 || y < -4 || y > drawn.height + 4) return null;
  return (
    <span
      class={time % 2 === 0 ? 'pen' : 'pen is-odd'}
      style={{ left: `${gutter + Math.min(x, drawn.width)}px`, top: `${y + 6}px` }}
    />
  );
}

function LaneEmpty({
  board,
  drawn,
  actions,
}: {
  board: Board;
  drawn: Drawn | null;
  actions: ChartActions;
}) {
  const isReady = board.load.value.kind === 'ready';
  if (!isReady || !drawn || drawn.plot.x.length > 0) return null;
  return (
    <p class="lane-empty">
      {t('chart.nothing')}{' '}
      <button type="button" onClick={actions.goToReadings}>
        {t('chart.go_to_readings')}
      </button>
    </p>
  );
}

interface WordsProps {
  drawn: Drawn | null;
  lane: Lane;
  board: Board;
  id: string;
  isOpen: boolean;
}

function Words({ drawn, lane, board, id, isOpen }: WordsProps) {
  if (!drawn)
    return (
      <p class="sr-only" id={id}>
        {t('chart.reading')}
      </p>
    );
  const { plot, form, sent, extremes, gaps } = drawn;
  const span = board.span.value;
  const caption = t('table.caption', {
    name: metricTitle(lane.metric.name),
    unit: lane.metric.unit ?? t('unit.none'),
    duration: formatDuration(span.to - span.from),
  });
  return (
    <div class={isOpen ? 'lane-table' : 'sr-only'}>
      <p id={id} class="sr-only">
        {summaryOf(lane.metric, plot, extremes, gaps, sent, span)}
      </p>
      <DataTable
        plot={plot}
        caption={caption}
        zone={zone.value}
        sent={sent}
        isState={form === 'state'}
        limit={isOpen ? tableRows : hiddenRows}
      />
    </div>
  );
}
