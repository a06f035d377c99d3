/**
 * One lane of the recorder: a line on shared paper, its pen, and the value at the pen's
 * height. It owns its surface and its words; time, crosshair and data belong to the board.
 */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { seriesName } from '../api/live.ts';
import { type Status, toValue } from '../api/types.ts';
import { formatDuration } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { serverNow } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { paintCount, zone } from '../state/prefs.ts';
import type { Span } from '../state/range.ts';
import { isCurrent } from '../state/status.ts';
import type { Board, Lane } from './board.ts';
import { DataTable } from './DataTable.tsx';
import { attachGestures } from './gestures.ts';
import { hueOf, metricTitle } from './hue.ts';
import { keyAction } from './keyboard.ts';
import { PenValue } from './PenValue.tsx';
import { type Drawn, Painter } from './painter.ts';
import { type ChartActions, perform } from './readout.ts';
import { extremesText, footerOf, formOf, summaryOf } from './scene.ts';
import { Surface } from './surface.ts';
import { Tip } from './Tip.tsx';

interface Props {
  board: Board;
  lane: Lane;
  status: Status;
  gutter: number;
  actions: ChartActions;
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

  const title = metricTitle(lane.metric);
  const onKeyDown = (event: KeyboardEvent) => {
    const action = keyAction(event.key, event.shiftKey);
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    perform(action, board, drawn.value, lane, actions);
  };
  const form = drawn.value?.form ?? formOf(lane.metric, toValue(lane.metric.latest?.v));
  const label = t('chart.label', { name: title, unit: lane.metric.unit ?? t('unit.none') });
  return (
    <section
      class={`lane lane-${form}${!isCurrent(status) && board.isFollowing ? ' is-drained' : ''}`}
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
          <Tip board={board} drawn={drawn.value} unit={lane.metric.unit ?? null} gutter={gutter} />
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
    name: metricTitle(lane.metric),
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
