/** Messages that came and could not be read: the reason, the bytes, and the ways on. */
import { useSignal } from '@preact/signals';
import { retryMessage } from '../api/client.ts';
import type { UnreadMessage } from '../api/types.ts';
import { Failure } from '../components/Failure.tsx';
import { focusNotice } from '../components/Notice.tsx';
import { Payload } from '../components/Payload.tsx';
import { formatCount } from '../format/number.ts';
import { formatAge, formatTime } from '../format/time.ts';
import { plural, sourceName, t, word } from '../i18n/index.ts';
import { notice, ruleOfUnread } from '../rules/editing.ts';
import { now } from '../state/clock.ts';
import { failureText, loadUnread, unread } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { topicPath } from '../topics/path.ts';

export function Unread() {
  const { data, failure } = unread.value;
  return (
    <section id="unread">
      <h2>
        {t('inbox.unread')} <span class="muted">{formatCount(data?.total ?? 0)}</span>
      </h2>
      {failure && <Failure what={t('inbox.failed')} why={failure} again={loadUnread} />}
      {data && <p class="muted">{t(data.total > 0 ? 'inbox.unread_why' : 'inbox.unread_none')}</p>}
      <ul class="rows">
        {data?.items.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ul>
      {data && data.total > data.items.length && (
        <p class="muted">
          {t('inbox.more', { shown: formatCount(data.items.length), n: formatCount(data.total) })}
        </p>
      )}
    </section>
  );
}

function Message({ message }: { message: UnreadMessage }) {
  const outcome = useSignal<string | null>(null);
  const retry = async () => {
    try {
      const answer = await retryMessage(message.id);
      const isStored = answer.outcome === 'stored';
      if (!isStored) {
        outcome.value = t('inbox.still_unread');
        return;
      }
      // Its row goes, so what came of it is told above.
      notice.value = plural('inbox.stored', answer.readings, { topic: message.topic });
      await loadUnread();
      focusNotice();
    } catch (error) {
      outcome.value = failureText(error);
    }
  };
  return (
    <li class="row message">
      <div>
        <h3 class="topic">
          <a href={topicPath(message.topic)}>{message.topic}</a>
        </h3>
        <p>
          <b>{word('unread', message.reason)}</b> {message.detail}
        </p>
        <p class="muted">
          <time
            dateTime={new Date(message.t).toISOString()}
            title={formatTime(message.t, 'fullMilli', zone.value)}
          >
            {formatAge(now.value - message.t)}
          </time>
          {' · '}
          {sourceName(message.source)}
          {message.client && ` · ${message.client}`}
          {' · '}
          {plural('inbox.bytes', message.bytes, { n: formatCount(message.bytes) })}
        </p>
        <Payload text={message.text} hex={message.hex} />
      </div>
      <div class="retry">
        <button
          type="button"
          class="is-first"
          aria-label={t('inbox.suggest_label', { topic: message.topic })}
          onClick={() => void ruleOfUnread(message.id, message.topic)}
        >
          {t('inbox.suggest')}
        </button>
        <button
          type="button"
          aria-label={t('inbox.retry_label', { topic: message.topic })}
          onClick={retry}
        >
          {t('inbox.retry')}
        </button>
        <span role="status">{outcome}</span>
      </div>
    </li>
  );
}
