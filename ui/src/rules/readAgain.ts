/** The unread messages that a rule takes are ingested again. */
import { retryByRule } from '../api/topics.ts';
import { plural, t } from '../i18n/index.ts';

/** Rounds of a thousand messages; what waits beyond them is told. */
const roundsMost = 100;

/** A sentence about what became of them; nothing was there to read: that it holds from now on. */
export async function readAgain(rule: string): Promise<string> {
  const became = { stored: 0, no_reading: 0, rejected: 0 };
  let [left, more] = [0, true];
  for (let round = 0; more && round < roundsMost; round++) {
    const answer = await retryByRule(rule);
    became.stored += answer.stored;
    became.no_reading += answer.no_reading;
    became.rejected += answer.rejected;
    left = answer.still_unread;
    // What stays unread is tried first the next time: without progress there is no end.
    more = answer.more && answer.stored + answer.no_reading + answer.rejected > 0;
    if (answer.more && !more) return told(became, left, true);
  }
  return told(became, left, more);
}

type Became = Record<'stored' | 'no_reading' | 'rejected', number>;

function told(became: Became, left: number, more: boolean): string {
  const parts = (['stored', 'no_reading', 'rejected'] as const)
    .filter((one) => became[one] > 0)
    .map((one) => t(`rules.became_${one}`, { n: became[one] }));
  const read = became.stored + became.no_reading + became.rejected;
  const sentences = [
    read > 0 && plural('rules.read', read, { became: parts.join(', ') }),
    left > 0 && plural('rules.left', left),
    more && t('rules.more_wait'),
  ].filter(Boolean);
  return sentences.length > 0 ? sentences.join(' ') : t('rules.from_now_on');
}
