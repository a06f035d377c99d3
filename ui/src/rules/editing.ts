/** Opens the rule editor for a topic or an unread message, with what the server suggests. */
import { signal } from '@preact/signals';
import { Failure } from '../api/client.ts';
import { getRule, type Rule, type RuleSpec, suggestRule, type Wanted } from '../api/topics.ts';
import { failureText } from '../state/fleet.ts';
import { bareSpec } from './draft.ts';

/** What the editor is open for. */
export interface Editing {
  spec: RuleSpec;
  /** The rule that is changed; null for a new one. */
  seen: Rule | null;
  /** Whether the server suggested what stands in the form. */
  isSuggested: boolean;
}

export const editing = signal<Editing | null>(null);
/** What the last action came to, told once at the head of the page. */
export const notice = signal<string | null>(null);

async function open(find: () => Promise<Editing>): Promise<void> {
  notice.value = null;
  try {
    editing.value = await find();
  } catch (error) {
    notice.value = failureText(error);
  }
}

async function suggested(wanted: Wanted, topic: string): Promise<Editing> {
  const { rule } = await suggestRule(wanted).catch(forgotten);
  return { spec: rule ?? bareSpec(topic), seen: null, isSuggested: rule !== null };
}

/** A message that the server no longer keeps: nothing can be suggested from it. */
function forgotten(error: unknown): { rule: null } {
  if (error instanceof Failure && error.status === 404) return { rule: null };
  throw error;
}

/** The rule that reads a topic, or else a new one for it. */
export function ruleOfTopic(topic: string, rule: string | null | undefined): Promise<void> {
  return open(async () => {
    if (!rule) return suggested({ topic }, topic);
    try {
      const seen = await getRule(rule);
      return { spec: seen.rule, seen, isSuggested: false };
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
  editing.value = { spec: seen.rule, seen, isSuggested: false };
}

export function newRule(): void {
  notice.value = null;
  editing.value = { spec: { match: '' }, seen: null, isSuggested: false };
}
