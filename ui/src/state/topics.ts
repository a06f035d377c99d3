/** What the pages of topics and rules know of the server. Old data stays while it is read again. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { linkState } from '../api/live.ts';
import {
  getRefused,
  getRules,
  getTopics,
  type Refused,
  type RuleList,
  type TopicPage,
} from '../api/topics.ts';
import { type Loaded, load, totalBook } from './fleet.ts';

/** As many topics as the tree shows; the search finds the others. */
export const topicsMost = 1000;

export const topics = signal<Loaded<TopicPage>>({ data: null, failure: null });
export const refused = signal<Loaded<Refused[]>>({ data: null, failure: null });
export const rules = signal<Loaded<RuleList>>({ data: null, failure: null });

let turns = 0;

/** Of two answers the one that was asked for later counts, whichever comes first. */
export async function loadTopics(q: string): Promise<void> {
  turns += 1;
  const turn = turns;
  const into = { value: topics.peek() };
  await load(into, () => getTopics(q, topicsMost));
  if (turn === turns) topics.value = into.value;
}

/** Rates and ages change although nothing comes. */
const restMs = 10_000;
let seen = { q: '', received: -1, at: 0 };

/** Reads the topics again if something may have come since. */
export function refreshTopics(q: string): void {
  const received = totalBook.peek()?.messages.received ?? 0;
  const at = Date.now();
  if (q === seen.q && received === seen.received && at - seen.at < restMs) return;
  seen = { q, received, at };
  void loadTopics(q);
}
export const loadRefused = () => load(refused, async () => (await getRefused()).items);
export const loadRules = () => load(rules, getRules);

/** How a rule is called: its name, or else its topics. */
export function ruleName(id: string): string {
  const rule = rules.value.data?.items.find((one) => one.id === id)?.rule;
  return rule?.name ?? rule?.match ?? id;
}

/** Reads now and then again, while somebody looks and the server is there. */
export function useEvery(ms: number, read: () => void, keys: readonly unknown[]): void {
  useEffect(() => {
    read();
    const timer = setInterval(() => {
      if (!document.hidden && linkState.peek() !== 'offline') read();
    }, ms);
    return () => clearInterval(timer);
  }, [ms, ...keys]);
}
