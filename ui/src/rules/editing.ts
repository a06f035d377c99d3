/** Opens the rule editor for a topic or an unread message, with what the server suggests. */
import { signal } from '@preact/signals';
import { Failure } from '../api/client.ts';
import { getRule, type Rule, type RuleSpec, suggestRule, type Wanted } from '../api/topics.ts';
import type { Told } from '../components/Notice.tsx';
import { t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';
import { bareSpec } from './draft.ts';

/** What the editor is open for. */
export interface Editing {
  spec: RuleSpec;
  /** The rule that is changed; null for a new one. */
  seen: Rule | null;
  /** The topic of the message that it is made from; null where it is made from none. */
  topic: string | null;
  /** What became of the wish for a suggestion; null where there was none. */
  suggestion: 'suggested' | { why: string } | null;
}

export const editing = signal<Editing | null>(null);
/** What the last action came to, told once at the head of the page. */
export const notice = signal<Told | null>(null);

async function open(find: () => Promise<Editing>): Promise<void> {
  notice.value = null;
  try {
    editing.value = await find();
  } catch (error) {
    notice.value = failureText(error);
  }
}

async function suggested(wanted: Wanted, topic: string): Promise<Editing> {
  try {
    const { rule, why } = await suggestRule(wanted);
    if (rule) return { spec: rule, seen: null, topic, suggestion: 'suggested' };
    const suggestion = { why: why ?? t('rules.no_suggestion') };
    return { spec: bareSpec(topic), seen: null, topic, suggestion };
  } catch (error) {
    // The server no longer keeps the message: there is none to try the rule on either.
    if (!(error instanceof Failure && error.status === 404)) throw error;
    return { spec: bareSpec(topic), seen: null, topic: null, suggestion: null };
  }
}

/** The rule that reads a topic, or else a new one for it. */
export function ruleOfTopic(topic: string, rule: string | null | undefined): Promise<void> {
  return open(async () => {
    if (!rule) return suggested({ topic }, topic);
    try {
      const seen = await getRule(rule);
      return { spec: seen.rule, seen, topic, suggestion: null };
    } catch (error) {
      // The rule that took the last message is gone by now.
      if (error instanceof Failure && error.status === 404) return suggested({ topic }, topic);
      throw error;
    }
  });
}

export function ruleOfUnread(id: string, topic: string): Promise<void> {
  return open(() => suggested({ unread: id }, topic));
}

export function changeOf(seen: Rule): void {
  notice.value = null;
  editing.value = { spec: seen.rule, seen, topic: null, suggestion: null };
}

export function newRule(): void {
  notice.value = null;
  editing.value = { spec: { match: '' }, seen: null, topic: null, suggestion: null };
}
