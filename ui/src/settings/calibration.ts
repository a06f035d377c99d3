/** Lines through which values go: what was sent, times scale, plus offset. Pure. */
import type { Calibration } from '../api/settings.ts';
import { readNumber } from '../format/typed.ts';

export interface Line {
  scale: number;
  offset: number;
}

export type Pair = readonly [sent: number, known: number];

/** The line through two pairs of sent and true values; null where there is none. */
export function lineThrough(one: Pair, other: Pair): Line | null {
  const scale = (other[1] - one[1]) / (other[0] - one[0]);
  if (!Number.isFinite(scale) || scale === 0) return null;
  return { scale, offset: one[1] - scale * one[0] };
}

export const apply = (line: Line, value: number) => value * line.scale + line.offset;

/** What the device sent, from what is shown; a line that loses it has no way back. */
export function sentOf(line: Line | null | undefined, shown: number): number {
  return line && line.scale !== 0 ? (shown - line.offset) / line.scale : shown;
}

/** How the form asks for a line. */
export interface LineDraft {
  mode: 'offset' | 'pairs';
  scale: string;
  offset: string;
  pairs: [[string, string], [string, string]];
  from: string;
  note: string;
}

export const freshLine: LineDraft = {
  mode: 'offset',
  scale: '1',
  offset: '0',
  pairs: [
    ['', ''],
    ['', ''],
  ],
  from: '',
  note: '',
};

export type LineFault = 'number' | 'pairs' | 'scale';

/** The line that the form describes, or what keeps it from being one. */
export function readLine(
  draft: LineDraft,
): { line: Line; points: [[number, number], [number, number]] | null } | { fault: LineFault } {
  if (draft.mode === 'offset') {
    const scale = readNumber(draft.scale);
    const offset = readNumber(draft.offset);
    if (scale === null || offset === null) return { fault: 'number' };
    if (scale === 0) return { fault: 'scale' };
    return { line: { scale, offset }, points: null };
  }
  const [[a, b], [c, d]] = draft.pairs;
  const [sentA, trueA, sentB, trueB] = [a, b, c, d].map(readNumber);
  if (typeof sentA !== 'number' || typeof trueA !== 'number') return { fault: 'number' };
  if (typeof sentB !== 'number' || typeof trueB !== 'number') return { fault: 'number' };
  const line = lineThrough([sentA, trueA], [sentB, trueB]);
  if (!line) return { fault: 'pairs' };
  return {
    line,
    points: [
      [sentA, trueA],
      [sentB, trueB],
    ],
  };
}

/** `list` with one more, which takes the place of one that begins at the same time. */
export function withOne(list: readonly Calibration[], one: Calibration): Calibration[] {
  const start = (it: Calibration) => it.from ?? Number.NEGATIVE_INFINITY;
  const rest = list.filter((it) => start(it) !== start(one));
  return [...rest, one].sort((a, b) => start(a) - start(b));
}

/** "× 1.02 + 0.5" without what does nothing. */
export function lineWords({ scale, offset }: Line, number: (value: number) => string): string {
  const parts: string[] = [];
  if (scale !== 1) parts.push(`× ${number(scale)}`);
  if (offset !== 0 || scale === 1)
    parts.push(`${offset < 0 ? '−' : '+'} ${number(Math.abs(offset))}`);
  return parts.join(' ');
}
