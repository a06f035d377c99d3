import { render } from 'preact';
import { describe, expect, it } from 'vitest';
import type { Windows } from '../api/types.ts';
import { readField } from './DatesForm.tsx';
import { badgeKind } from './LiveBadge.tsx';
import { readable, spaced } from './Payload.tsx';
import { penHeight, sparkOf } from './Spark.tsx';
import { StatusMark } from './StatusMark.tsx';
import { Unit } from './Unit.tsx';

function show(node: preact.ComponentChild): HTMLElement {
  const root = document.createElement('div');
  render(node, root);
  return root;
}

describe('marks', () => {
  it('an assumed unit is dotted, and says so', () => {
    const root = show(<Unit metric={{ unit: '°C', unit_source: 'assumed' }} />);
    expect(root.querySelector('.is-assumed')?.textContent).toBe('°C assumed');
    expect(show(<Unit metric={{ unit: '°C', unit_source: 'payload' }} />).textContent).toBe('°C');
    expect(show(<Unit metric={{ unit: null, unit_source: 'none' }} />).textContent).toBe('');
  });

  it('a status is a shape and a word', () => {
    for (const status of ['online', 'stale', 'offline'] as const) {
      expect(show(<StatusMark status={status} />).textContent).toContain(status);
    }
  });
});

describe('the badge', () => {
  it('says whether the present is on screen', () => {
    const now = 1e12;
    expect(badgeKind('open', null, now)).toBe('live');
    expect(badgeKind('open', { kind: 'fixed', from: now - 10, to: now }, now)).toBe('paused');
    expect(badgeKind('open', { kind: 'fixed', from: 0, to: 10 }, now)).toBe('history');
    expect(badgeKind('offline', { kind: 'all' }, now)).toBe('offline');
    expect(badgeKind('connecting', { kind: 'all' }, now)).toBe('connecting');
  });
});

describe('a spark', () => {
  const answer: Windows = {
    device: 'd',
    metric: 'm',
    unit: null,
    kind: 'measurement',
    t0: 0,
    step_ms: 1000,
    partial: { first: false, last: false },
    readings: 400,
    min: [1, 1, null, null, null, null, 1, 1],
    max: [9, 3, null, null, null, null, 3, 3],
    avg: [2, 2, null, null, null, null, 2, 2],
    count: [100, 100, 0, 0, 0, 0, 100, 100],
    raw: null,
    took_ms: 1,
  };

  it('keeps the extremes, and the gap', () => {
    const spark = sparkOf(answer, { from: 0, to: 8000 }, null);
    expect(spark?.hi).toBeGreaterThan(9);
    expect(spark?.gaps).toEqual([{ left: 0.25, width: 0.5 }]);
    expect(spark?.line.match(/M/g)).toHaveLength(2);
    expect(penHeight(spark ?? null, 100)).toBe(0);
  });

  it('is nothing without values', () => {
    expect(
      sparkOf({ ...answer, avg: [], min: [], max: [], count: [] }, { from: 0, to: 1 }, null),
    ).toBeNull();
  });
});

it('a field is read in the zone on screen', () => {
  expect(readField('2026-11-25T00:30', 'browser')).toBe(Date.UTC(2026, 10, 24, 23, 30));
  expect(readField('2026-11-25T00:30', 'utc')).toBe(Date.UTC(2026, 10, 25, 0, 30));
  expect(readField('', 'utc')).toBeNull();
});

it('bytes are shown sixteen a line', () => {
  expect(readable('a\tb\n', '')).toBe('a\tb\n');
  expect(readable('a\u0001', '6101')).toBe('61 01');
  expect(readable(null, '02a1')).toBe('02 a1');
  expect(spaced('02a1ff')).toBe('02 a1 ff');
  expect(spaced('00'.repeat(17)).split('\n')).toHaveLength(2);
});
