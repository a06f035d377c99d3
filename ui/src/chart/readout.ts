/** What the keys of a lane do, and what is then said aloud. */
import { t } from '../i18n/index.ts';
import { zone } from '../state/prefs.ts';
import type { Span } from '../state/range.ts';
import type { Board, Lane } from './board.ts';
import type { KeyAction } from './keyboard.ts';
import type { Drawn } from './painter.ts';
import { nearest } from './plot.ts';
import { rowWords } from './scene.ts';

export interface ChartActions {
  zoom(span: Span): void;
  reset(): void;
  speak(words: string): void;
  goToReadings(): void;
}

export function perform(
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
  const words = rowWords(plot, i, form, lane.metric.unit ?? null, sent, zone.value);
  actions.speak([`${words.time}: ${words.value}`, words.between].filter(Boolean).join(', '));
}
