/** Connections that were not let in, newest first, with the reason. */
import type { Refused } from '../api/topics.ts';
import { Failure } from '../components/Failure.tsx';
import { formatCount } from '../format/number.ts';
import { formatAge, formatTime } from '../format/time.ts';
import { plural, t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { loadRefused, refused } from '../state/topics.ts';

export function RefusedConnections() {
  const { data, failure } = refused.value;
  return (
    <section id="refused">
      <h2>
        {t('inbox.refused')} <span class="muted">{data && formatCount(data.length)}</span>
      </h2>
      {failure && (
        <Failure what={t('inbox.refused_failed')} why={failure} again={() => void loadRefused()} />
      )}
      {data && (
        <p class="muted">{t(data.length > 0 ? 'inbox.refused_why' : 'inbox.refused_none')}</p>
      )}
      <ul class="rows">
        {data?.map((one) => (
          <Connection key={`${one.address} ${one.client} ${one.reason}`} one={one} />
        ))}
      </ul>
    </section>
  );
}

function Connection({ one }: { one: Refused }) {
  return (
    <li class="row refused">
      <div>
        <h3 class="topic">{one.client ?? t('inbox.nameless')}</h3>
        <p>
          <b>{word('refused', one.reason)}</b> {one.detail}
        </p>
        <p class="muted">
          <time
            dateTime={new Date(one.t).toISOString()}
            title={formatTime(one.t, 'fullMilli', zone.value)}
          >
            {formatAge(now.value - one.t)}
          </time>
          {` · ${t('inbox.from', { address: one.address })} · `}
          {plural('inbox.times', one.count, { n: formatCount(one.count) })}
        </p>
      </div>
    </li>
  );
}
