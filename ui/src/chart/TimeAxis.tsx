/** The one time axis of a page: it sticks to the bottom, under all lanes. */
import { useComputed } from '@preact/signals';
import { formatTime, zoneName } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { zone } from '../state/prefs.ts';
import type { Board } from './board.ts';
import { timeTicks } from './ticks.ts';

interface Props {
  board: Board;
  left: number;
}

/** A label nearer to the left edge than this would be cut. */
const edgePx = 4;

export function TimeAxis({ board, left }: Props) {
  const width = board.plotWidth.value;
  const { from, to } = board.span.value;
  const at = (time: number) => left + ((time - from) / (to - from)) * width;
  const marks = timeTicks(from, to, width, zone.value);
  return (
    <section class="axis" aria-label={t('axis.label')}>
      <svg width={left + width} height="36" aria-hidden="true">
        {marks.map((mark) => (
          <g key={mark.time}>
            <line x1={at(mark.time)} x2={at(mark.time)} y1="0" y2="4" class="axis-tick" />
            <text x={Math.max(edgePx, at(mark.time))} y="17" class="axis-label">
              {mark.label}
            </text>
            {mark.context && (
              <text x={Math.max(edgePx, at(mark.time))} y="32" class="axis-context">
                {mark.context}
              </text>
            )}
          </g>
        ))}
      </svg>
      <AxisCursor board={board} at={at} left={left} width={width} />
      <span class="axis-zone">{zoneName(zone.value)}</span>
    </section>
  );
}

interface CursorProps extends Props {
  width: number;
  at: (time: number) => number;
}

/** The time under the crosshair, said once for all lanes. */
function AxisCursor({ board, at, left, width }: CursorProps) {
  const shown = useComputed(() => {
    const time = board.cursor.value;
    return time === null ? null : { time, locked: board.locked.value };
  }).value;
  if (!shown) return null;
  const style = width < 60 ? 'second' : board.msPerPixel < 200 ? 'fullMilli' : 'full';
  const x = Math.min(left + width - 80, Math.max(80, at(shown.time)));
  return (
    <span class={`axis-cursor${shown.locked ? ' is-locked' : ''}`} style={{ left: `${x}px` }}>
      {formatTime(shown.time, style, zone.value)}
    </span>
  );
}
