import { expect, it } from 'vitest';
import type { TraceReading, Trial, TrialMessage } from '../api/topics.ts';
import { lostOf, readsSomething, worseOf } from './trial.ts';

const reading = (metric: string, more: Partial<TraceReading> = {}): TraceReading => ({
  device: 'a',
  metric,
  v: 1,
  unit_source: 'none',
  q: 0,
  disbelieved: false,
  ...more,
});

const message = (readings: TraceReading[], now: TraceReading[] | null): TrialMessage => ({
  topic: 'a/b',
  t: 0,
  hex: '',
  outcome: 'stored',
  readings,
  worse: false,
  now: now && { outcome: 'stored', readings: now },
});

const trial = (messages: TrialMessage[]): Trial => ({ filter: 'a/b', messages });

it('what is read well now and not by the rule is lost', () => {
  const now = ['x', 'y', 'z'].map((metric, v) => reading(metric, { v }));
  const then = [reading('x', { v: 0 }), reading('y', { q: 2 }), reading('z', { rejected: 'time' })];
  expect(lostOf(message(then, now))).toEqual(['y', 'z']);
  const renamed = [reading('p.x', { v: 2 }), reading('named', { v: 3 })];
  const before = [reading('x', { v: 5 }), reading('c', { v: 3 }), reading('d', { v: 4 })];
  expect(lostOf(message(renamed, before))).toEqual(['d']);
  expect(lostOf(message([reading('x')], [reading('bad', { q: 2 })]))).toEqual([]);
  expect(lostOf(message([], null))).toEqual([]);
  const worse = { ...message([], now), worse: true };
  expect(worseOf(trial([message(now, now), worse]))).toEqual([worse]);
});

it('a rule reads something, or is meant to read nothing', () => {
  const nothing = trial([message([], null), message([reading('x', { rejected: 'time' })], null)]);
  expect(readsSomething({ match: 'a' }, nothing)).toBe(false);
  expect(readsSomething({ match: 'a' }, trial([]))).toBe(false);
  expect(readsSomething({ match: 'a' }, trial([message([reading('x')], null)]))).toBe(true);
  expect(readsSomething({ match: 'a', route_only: true }, nothing)).toBe(true);
  expect(readsSomething({ match: 'a', server_time: true }, nothing)).toBe(true);
});
