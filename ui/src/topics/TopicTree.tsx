/** The tree of topics: each row one topic with its last message, or a level with topics below. */
import { signal } from '@preact/signals';
import type { TopicItem } from '../api/topics.ts';
import { FateMark } from '../components/FateMark.tsx';
import { readable } from '../components/Payload.tsx';
import { formatCount } from '../format/number.ts';
import { formatAge } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { ruleName } from '../state/topics.ts';
import { topicPath } from './path.ts';
import { openAtFirst, type Row, rowsOf } from './tree.ts';

/** Levels that the reader opened or closed. */
const turned = signal<ReadonlyMap<string, boolean>>(new Map());

function turn(path: string, open: boolean): void {
  turned.value = new Map(turned.value).set(path, open);
}

interface Props {
  topics: readonly TopicItem[];
  /** Where something was looked for, every level stands open. */
  isFound: boolean;
  chosen: string | null;
}

export function TopicTree({ topics, isFound, chosen }: Props) {
  const openAll = isFound || topics.length <= openAtFirst;
  const rows = rowsOf(
    topics,
    (path) => turned.value.get(path) ?? (openAll || (chosen ?? '').startsWith(`${path}/`)),
  );
  return (
    <ul class={rows.length > 100 ? 'tree is-many' : 'tree'} onKeyDown={walk}>
      {rows.map((row) => (
        <li key={row.path} class="tree-row" style={{ '--depth': row.depth }}>
          {row.topic ? (
            <TopicRow row={row} topic={row.topic} isChosen={row.path === chosen} />
          ) : (
            <LevelRow row={row} />
          )}
        </li>
      ))}
    </ul>
  );
}

function Twist({ isOpen }: { isOpen: boolean }) {
  return (
    <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" class="twist">
      <path d={isOpen ? 'M3 5l4 4 4-4' : 'M5 3l4 4-4 4'} class="line" />
    </svg>
  );
}

function LevelRow({ row }: { row: Row }) {
  return (
    <button
      type="button"
      class="level"
      aria-expanded={row.isOpen}
      onClick={() => turn(row.path, !row.isOpen)}
    >
      <Twist isOpen={row.isOpen} />
      <span class="level-name">{row.name}</span>
      <span class="muted">
        {plural('topics.below', row.below, { n: formatCount(row.below) })}
        {row.perMinute > 0 && ` · ${perMinute(row.perMinute)}`}
      </span>
    </button>
  );
}

function TopicRow({ row, topic, isChosen }: { row: Row; topic: TopicItem; isChosen: boolean }) {
  return (
    <>
      {row.below > 0 && (
        <button
          type="button"
          class="level is-alone"
          aria-expanded={row.isOpen}
          aria-label={`${row.path}, ${plural('topics.below', row.below)}`}
          onClick={() => turn(row.path, !row.isOpen)}
        >
          <Twist isOpen={row.isOpen} />
        </button>
      )}
      <a class="leaf" href={topicPath(row.path)} aria-current={isChosen ? 'true' : undefined}>
        <FateMark outcome={topic.outcome} isQuiet />
        <span class="level-name">
          <span class="sr-only">{row.path.slice(0, row.path.length - row.name.length)}</span>
          {row.name || t('topics.nameless')}
        </span>
        <span class="leaf-text">{lineOf(topic)}</span>
        <span class="leaf-by muted">
          {topic.rule ? t('message.by_rule', { rule: ruleName(topic.rule) }) : topic.decoder}
        </span>
        <Pace topic={topic} />
      </a>
    </>
  );
}

/** On its own, because an age changes every second and the row does not. */
function Pace({ topic }: { topic: TopicItem }) {
  return (
    <span class="leaf-rate muted">
      {topic.per_minute > 0 ? perMinute(topic.per_minute) : formatAge(now.value - topic.t)}
    </span>
  );
}

export const perMinute = (count: number) => t('topics.per_minute', { n: formatCount(count) });

const lineMost = 90;

export function lineOf({ text, hex }: { text?: string | null; hex: string }): string {
  const line = readable(text, hex).replace(/\s+/g, ' ').trim();
  return line.length > lineMost ? `${line.slice(0, lineMost)}…` : line;
}

/** Up and Down walk the rows, Right and Left open and close a level. */
function walk(event: KeyboardEvent): void {
  const { currentTarget, target, key } = event;
  if (!(currentTarget instanceof HTMLElement) || !(target instanceof HTMLElement)) return;
  const isTurn = key === 'ArrowRight' || key === 'ArrowLeft';
  const step = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0;
  if (isTurn) {
    const button = target.closest('.tree-row')?.querySelector<HTMLElement>('[aria-expanded]');
    if (button?.ariaExpanded === String(key === 'ArrowLeft')) button.click();
  } else if (step !== 0) {
    const rows = [...currentTarget.querySelectorAll<HTMLElement>('.leaf, .level:not(.is-alone)')];
    rows[rows.indexOf(target) + step]?.focus();
  } else {
    return;
  }
  event.preventDefault();
}
