/** Dates on which the hardware was replaced, as lines through all lanes. */
import type { HardwareMark } from '../api/types.ts';
import { formatTime } from '../format/time.ts';
import words from '../i18n/en.marks.json';
import { addWords, t } from '../i18n/index.ts';
import { zone } from '../state/prefs.ts';
import type { Board } from './board.ts';
import '../styles/marks.css';

addWords(words);

export interface MarksProps {
  board: Board;
  marks: readonly HardwareMark[];
  left: number;
}

/** Beyond this share of the width a note is written to the left of its line. */
const turnsAt = 0.6;

export function HardwareMarks({ board, marks, left }: MarksProps) {
  const { from, to } = board.span.value;
  const inView = marks.filter((mark) => mark.at >= from && mark.at <= to);
  if (inView.length === 0) return null;
  return (
    <ul class="marks" aria-label={t('marks.label')}>
      {inView.map((mark) => {
        const share = (mark.at - from) / (to - from);
        const time = formatTime(mark.at, 'full', zone.value);
        return (
          <li
            key={mark.at}
            class={share > turnsAt ? 'is-turned' : ''}
            style={{ left: `${left + share * board.plotWidth.value}px` }}
          >
            <span>
              {t('marks.replaced')} <time dateTime={new Date(mark.at).toISOString()}>{time}</time>
              {mark.note && `: ${mark.note}`}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
