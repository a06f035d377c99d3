/** Unread messages that a new rule takes are ingested again, one after the other. */
import { retryMessage } from '../api/client.ts';
import type { UnreadMessage } from '../api/types.ts';
import { plural, t } from '../i18n/index.ts';

/** A sentence about what became of them; nothing where there were none. */
export async function readAgain(messages: readonly UnreadMessage[]): Promise<string> {
  let [read, stored, left] = [0, 0, 0];
  for (const message of messages) {
    try {
      const answer = await retryMessage(message.id);
      if (answer.outcome === 'unread') left += 1;
      else read += 1;
      stored += answer.readings;
    } catch {
      left += 1;
    }
  }
  const sentences = [];
  if (read > 0) {
    sentences.push(`${plural('rules.read', read)} ${plural('rules.stored', stored)}`);
  }
  if (left > 0) sentences.push(plural('rules.left', left));
  return sentences.length > 0 ? sentences.join(' ') : t('rules.from_now_on');
}
