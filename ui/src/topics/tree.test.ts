import { describe, expect, it } from 'vitest';
import type { TopicItem } from '../api/topics.ts';
import { fateOf, rowsOf } from './tree.ts';

function heard(topic: string, perMinute = 1): TopicItem {
  return {
    topic,
    per_minute: perMinute,
    source: 'mqtt',
    client: 'c',
    t: 0,
    text: '1',
    hex: '31',
    bytes: 1,
    decoder: 'number',
    rule: null,
    outcome: 'stored',
    reason: null,
    devices: [],
    metrics: [],
    messages: 1,
  };
}

const all = () => true;
const shape = (topics: string[], isOpen: (path: string) => boolean = all) =>
  rowsOf(
    topics.map((topic) => heard(topic)),
    isOpen,
  ).map((row) => `${'.'.repeat(row.depth)}${row.name}${row.below > 0 ? ` ${row.below}` : ''}`);

describe('the tree of topics', () => {
  it('branches where topics differ, and joins levels where nothing branches off', () => {
    expect(shape(['home/a/t', 'home/a/h', 'home/b/state', 'x/y/z'])).toEqual([
      'home 3',
      '.a 2',
      '..t',
      '..h',
      '.b/state',
      'x/y/z',
    ]);
  });

  it('a level that is a topic itself keeps its row', () => {
    expect(shape(['a/b', 'a/b/c'])).toEqual(['a/b 1', '.c']);
    expect(shape(['/a', 'a', 'a/'])).toEqual(['/a', 'a 1', '.']);
  });

  it('a closed level hides its rows but counts them', () => {
    const topics = [heard('h/a', 2), heard('h/b/c', 3), heard('h/b/d', 4)];
    const rows = rowsOf(topics, (path) => path !== 'h');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ name: 'h', below: 3, perMinute: 9, isOpen: false });
    const half = rowsOf(topics, (path) => path !== 'h/b');
    expect(half.map((row) => row.path)).toEqual(['h', 'h/a', 'h/b']);
    expect(half[2]).toMatchObject({ below: 2, perMinute: 7 });
  });

  it('an outcome that is new here is told as nothing to chart', () => {
    expect(fateOf('stored')).toBe('charted');
    expect(fateOf('something_new')).toBe('nothing');
  });
});
