/** What came that nobody has named yet, and what could not be read? */
import { useSignal } from '@preact/signals';
import { retryMessage } from '../api/client.ts';
import type { Device, UnreadMessage } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { Failure } from '../components/Failure.tsx';
import { HeardSentence } from '../components/HeardList.tsx';
import { NewMark } from '../components/NewMark.tsx';
import { formatCount } from '../format/number.ts';
import { formatAge, formatTime } from '../format/time.ts';
import inboxWords from '../i18n/en.inbox.json';
import pageWords from '../i18n/en.pages.json';
import { addWords, plural, t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { failureText, heard, loadUnread, newDevices, totalBook, unread } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { devicePath, withKept } from '../state/url.ts';
import '../styles/inbox.css';

addWords(pageWords);
addWords(inboxWords);

export function Inbox() {
  const isEmpty = newDevices.value.length === 0 && unread.value.data?.total === 0;
  return (
    <div class="page inbox">
      <header class="page-head">
        <h1>{t('nav.inbox')}</h1>
        {isEmpty && (
          <p class="tally">
            {t('inbox.empty', { n: formatCount(totalBook.value?.messages.received ?? 0) })}
          </p>
        )}
      </header>
      <NewDevices />
      <Unread />
    </div>
  );
}

function NewDevices() {
  const list = newDevices.value;
  return (
    <section>
      <h2>
        {t('inbox.new')} <span class="muted">{formatCount(list.length)}</span>
      </h2>
      <p class="muted">{t(list.length > 0 ? 'inbox.new_why' : 'inbox.new_none')}</p>
      <ul class="rows">
        {list.map((device) => (
          <NewDevice key={device.key} device={device} />
        ))}
      </ul>
    </section>
  );
}

function NewDevice({ device }: { device: Device }) {
  const items = heard.value.data?.filter((item) => item.device === device.key).slice(0, 3) ?? [];
  return (
    <li class="row">
      <div>
        <h3>
          <a href={withKept(devicePath(device.key))}>{device.name}</a>
        </h3>
        {items.map((item) => (
          <HeardSentence key={item.topic} item={item} />
        ))}
        {items.length === 0 && (
          <p class="muted">{device.metrics.map((metric) => metricTitle(metric.name)).join(', ')}</p>
        )}
      </div>
      <NewMark device={device} />
    </li>
  );
}

function Unread() {
  const { data, failure } = unread.value;
  return (
    <section>
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
      outcome.value = isStored ? plural('inbox.stored', answer.readings) : t('inbox.still_unread');
      if (isStored) await loadUnread();
    } catch (error) {
      outcome.value = failureText(error);
    }
  };
  return (
    <li class="row message">
      <div>
        <h3 class="topic">{message.topic}</h3>
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
          {word('source', message.source)}
          {message.client && ` · ${message.client}`}
          {' · '}
          {plural('inbox.bytes', message.bytes, { n: formatCount(message.bytes) })}
        </p>
        <Bytes message={message} />
      </div>
      <p class="retry">
        <button
          type="button"
          aria-label={t('inbox.retry_label', { topic: message.topic })}
          onClick={retry}
        >
          {t('inbox.retry')}
        </button>
        <span role="status">{outcome}</span>
      </p>
    </li>
  );
}

function Bytes({ message }: { message: UnreadMessage }) {
  const shown = message.text ?? spaced(message.hex ?? '');
  if (!shown) return null;
  return (
    <>
      <pre>{shown}</pre>
      {message.text && message.hex && (
        <details>
          <summary>{t('inbox.hex')}</summary>
          <pre>{spaced(message.hex)}</pre>
        </details>
      )}
    </>
  );
}

/** Two digits a byte, sixteen bytes a line. */
export function spaced(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  const lines: string[] = [];
  for (let i = 0; i < bytes.length; i += 16) lines.push(bytes.slice(i, i + 16).join(' '));
  return lines.join('\n');
}
