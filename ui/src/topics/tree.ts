/** Topics as a tree of levels, flattened into the rows on screen. */
import type { TopicItem } from '../api/topics.ts';

interface Level {
  /** What stands in the row: one level, or several where nothing branches off. */
  name: string;
  path: string;
  topic: TopicItem | null;
  below: Level[];
}

export interface Row {
  depth: number;
  name: string;
  path: string;
  /** Null where nothing was heard at this level itself. */
  topic: TopicItem | null;
  /** Topics below it, and what they say in a minute. */
  below: number;
  perMinute: number;
  isOpen: boolean;
}

/** With so many topics or fewer every level stands open at first. */
export const openAtFirst = 60;

export function rowsOf(
  topics: readonly TopicItem[],
  isOpen: (path: string, depth: number) => boolean,
): Row[] {
  const root: Building = { topic: null, below: new Map() };
  for (const topic of topics) place(root, topic);
  const rows: Row[] = [];
  for (const level of levelsOf(root, '')) flatten(level, 0, isOpen, rows);
  return rows;
}

interface Building {
  topic: TopicItem | null;
  below: Map<string, Building>;
}

function place(root: Building, topic: TopicItem): void {
  let at = root;
  for (const name of topic.topic.split('/')) {
    let next = at.below.get(name);
    if (!next) {
      next = { topic: null, below: new Map() };
      at.below.set(name, next);
    }
    at = next;
  }
  at.topic = topic;
}

function levelsOf(building: Building, prefix: string): Level[] {
  return [...building.below].map(([name, inner]) => joined(name, inner, prefix));
}

/** Levels with one way on and nothing of their own share a row with the next. */
function joined(name: string, building: Building, prefix: string): Level {
  let text = name;
  let at = building;
  while (!at.topic && at.below.size === 1) {
    const [only] = at.below;
    if (!only) break;
    text += `/${only[0]}`;
    at = only[1];
  }
  const path = `${prefix}${text}`;
  return { name: text, path, topic: at.topic, below: levelsOf(at, `${path}/`) };
}

function flatten(
  level: Level,
  depth: number,
  isOpen: (path: string, depth: number) => boolean,
  rows: Row[],
): { count: number; perMinute: number } {
  const open = level.below.length > 0 && isOpen(level.path, depth);
  const { name, path, topic } = level;
  const row: Row = { depth, name, path, topic, below: 0, perMinute: 0, isOpen: open };
  rows.push(row);
  // A closed level is walked for its sums all the same; its rows are left out.
  const inner = open ? rows : [];
  for (const next of level.below) {
    const sums = flatten(next, depth + 1, isOpen, inner);
    row.below += sums.count;
    row.perMinute += sums.perMinute;
  }
  return {
    count: row.below + (topic ? 1 : 0),
    perMinute: row.perMinute + (topic?.per_minute ?? 0),
  };
}

/** What became of a topic's last message, in one of four marks. */
export type Fate = 'charted' | 'nothing' | 'unread' | 'refused';

export function fateOf(outcome: string): Fate {
  switch (outcome) {
    case 'stored':
    case 'duplicate':
      return 'charted';
    case 'unread':
      return 'unread';
    case 'rejected':
      return 'refused';
    default:
      return 'nothing';
  }
}
