/** What came that nobody has named yet, what could not be read, and who could not come in? */
import { Notice } from '../components/Notice.tsx';
import { Silence } from '../components/Silence.tsx';
import { formatCount } from '../format/number.ts';
import inboxWords from '../i18n/en.inbox.json';
import messageWords from '../i18n/en.messages.json';
import pageWords from '../i18n/en.pages.json';
import { addWords, t } from '../i18n/index.ts';
import { NewDevices } from '../inbox/NewDevices.tsx';
import { RefusedConnections } from '../inbox/Refused.tsx';
import { Unread } from '../inbox/Unread.tsx';
import { notice } from '../rules/editing.ts';
import { RuleDialog } from '../rules/RuleDialog.tsx';
import { newDevices, totalBook, unread } from '../state/fleet.ts';
import { loadRefused, refused, useEvery } from '../state/topics.ts';
import '../styles/lists.css';
import '../styles/inbox.css';

addWords(pageWords);
addWords(messageWords);
addWords(inboxWords);

const refreshMs = 5000;

export function Inbox() {
  useEvery(refreshMs, loadRefused, []);
  const counts = {
    new: newDevices.value.length,
    unread: unread.value.data?.total ?? null,
    refused: refused.value.data?.length ?? null,
  };
  const received = totalBook.value?.messages.received ?? null;
  const isEmpty = counts.new === 0 && counts.unread === 0 && received !== null;
  const isSilent = isEmpty && received === 0 && counts.refused === 0;
  return (
    <div class="page inbox">
      <header class="page-head">
        <h1>{t('nav.inbox')}</h1>
        {!isSilent && (
          <p class="views">
            {(['new', 'unread', 'refused'] as const).map((part) => (
              <a key={part} href={`#${part}`}>
                {t(`inbox.part_${part}`)}{' '}
                <span class="muted">{counts[part] === null ? '' : formatCount(counts[part])}</span>
              </a>
            ))}
          </p>
        )}
        {isEmpty && received > 0 && (
          <p class="tally">{t('inbox.empty', { n: formatCount(received) })}</p>
        )}
      </header>
      <Notice of={notice} />
      {isSilent ? (
        <Silence what={t('inbox.silence')} />
      ) : (
        <>
          <NewDevices />
          <Unread />
          <RefusedConnections />
        </>
      )}
      <RuleDialog />
    </div>
  );
}
