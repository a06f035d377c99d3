/** The words at the crosshair. Every lane has its own; none leaves its plot. */
import { zone } from '../state/prefs.ts';
import type { Board } from './board.ts';
import type { Drawn } from './painter.ts';
import { nearest } from './plot.ts';
import { rowWords, shortTime } from './scene.ts';

interface Props {
  board: Board;
  drawn: Drawn | null;
  unit: string | null;
  gutter: number;
}

const apartPx = 14;
/** Further than this from the crosshair a reading is not what the pointer means. */
const reachPx = 40;

export function Tip({ board, drawn, unit, gutter }: Props) {
  const time = board.cursor.value;
  if (time === null || !drawn || drawn.plot.x.length === 0) return null;
  const i = nearest(drawn.plot, time);
  if (i < 0) return null;
  const { from, to } = board.span.value;
  const place = (at: number) => ((at - from) / (to - from)) * drawn.width;
  const x = place(time);
  const isFar = drawn.form === 'line' && Math.abs(place(drawn.plot.x[i] ?? 0) - x) > reachPx;
  if (isFar || x < 0 || x > drawn.width) return null;
  const words = rowWords(drawn.plot, i, drawn.form, unit, drawn.sent, zone.value);
  // On the side with more room: beside the pointer, so never under a finger.
  const style =
    x < drawn.width / 2
      ? { left: `${gutter + x + apartPx}px` }
      : { right: `${drawn.width - x + apartPx}px` };
  // Across from the line, which would otherwise run under the words.
  const y = drawn.heightOf(drawn.plot.y[i] ?? 0);
  const side = y < drawn.height / 2 ? 'tip is-low' : 'tip';
  return (
    <div class={side} style={style} aria-hidden="true">
      <span class="tip-time">{shortTime(drawn.plot, i, board.span.value, zone.value)}</span>
      <strong>{words.value}</strong>
      {words.between && <span class="tip-between">{words.between}</span>}
    </div>
  );
}
