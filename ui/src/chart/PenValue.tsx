/** The newest value at the right end of its lane, at the pen's height. */
import { useComputed } from '@preact/signals';
import { seriesName } from '../api/live.ts';
import type { Status } from '../api/types.ts';
import { Unit } from '../components/Unit.tsx';
import { formatNumber, formatState, formatValue } from '../format/number.ts';
import { formatAge } from '../format/time.ts';
import { now } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { isCurrent } from '../state/status.ts';
import type { Lane } from './board.ts';
import type { Drawn } from './painter.ts';

interface Props {
  lane: Lane;
  drawn: Drawn | null;
  status: Status;
}

/** Half the height of a value with its unit: it stays inside its lane. */
const halfPx = 24;
const longFrom = 6;
const veryLongFrom = 9;

export function PenValue({ lane, drawn, status }: Props) {
  const newest = useComputed(() => latest.value.get(seriesName(lane.series))).value;
  if (!newest) return <div class="lane-value" />;
  const isState = drawn?.form === 'state';
  const text =
    typeof newest.v === 'number' && !isState
      ? formatNumber(newest.v, drawn?.sent)
      : isState
        ? formatState(newest.v)
        : formatValue(newest.v);
  const height = drawn?.height ?? 0;
  const room = Math.min(halfPx, height / 2);
  const y = Math.min(height - room, Math.max(room, drawn?.pen?.y ?? height / 2));
  const size =
    text.length >= veryLongFrom ? 'is-very-long' : text.length >= longFrom ? 'is-long' : '';
  const isAway = drawn !== null && drawn.pen === null && drawn.form === 'line';
  const old = !isCurrent(status) ? 'is-old' : isAway ? 'is-old is-away' : '';
  return (
    <div class="lane-value">
      <p class={`pen-value ${size} ${old} quality-${newest.q}`} style={{ top: `${y + 6}px` }}>
        <span class="figure">{text}</span> <Unit metric={lane.metric} />
        {(status !== 'online' || isAway) && <Age time={newest.t} />}
      </p>
    </div>
  );
}

function Age({ time }: { time: number }) {
  return <span class="pen-age">{formatAge(now.value - time)}</span>;
}
