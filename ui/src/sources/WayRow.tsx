/** One way in as a lane: what it is, how it does, what it brought, and what it may have missed. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Failure } from '../api/client.ts';
import type { WayIn, WayState } from '../api/sources.ts';
import { type Broker, changeBroker } from '../api/sources.ts';
import { formatCount } from '../format/number.ts';
import { formatAge, formatCoarse, formatDuration, formatTime } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { failureText } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { SeenTopics } from './SeenTopics.tsx';

interface Props {
  way: WayIn;
  broker: Broker | null;
  isSeenOpen: boolean;
  changed: () => void;
  edit: (broker: Broker) => void;
  remove: (broker: Broker) => void;
  children?: ComponentChildren;
}

export function WayRow(props: Props) {
  const { way, broker, isSeenOpen, changed, edit, remove, children } = props;
  const title = way.kind === 'external' ? way.name : t(`way.${way.kind}`);
  return (
    <li class={`way way-${way.state}`} id={`way-${way.name}`}>
      <div class="way-who">
        <h2>{title}</h2>
        <p class="device-state">
          <WayMark state={way.state} />
          {typeof way.since === 'number' && way.kind === 'external' && (
            <span class="age">{formatAge(now.value - way.since)}</span>
          )}
        </p>
        {way.address && <p class="way-address">{way.address}</p>}
      </div>
      <div class="way-what">
        {way.detail && (
          <p class="way-fault">
            {way.detail}
            {way.state === 'failing' && way.kind === 'external' && ` ${t('way.tries_on')}`}
          </p>
        )}
        <Gaps gaps={way.gaps} />
        {way.kind !== 'external' && !way.detail && <p class="muted">{t(`way.why_${way.kind}`)}</p>}
        {broker && <Filters broker={broker} />}
        {broker && (
          <Acts broker={broker} changed={changed} edit={edit} remove={remove} title={title} />
        )}
        {children}
        {broker && !broker.paused && (
          <SeenTopics broker={broker} isOpen={isSeenOpen} changed={changed} />
        )}
      </div>
      <Figures way={way} />
    </li>
  );
}

function WayMark({ state }: { state: WayState }) {
  return (
    <span class="status">
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        <WayShape state={state} />
      </svg>
      {t(`way.is_${state}`)}
    </span>
  );
}

function WayShape({ state }: { state: WayState }) {
  switch (state) {
    case 'connected':
      return <circle cx="7" cy="7" r="5" class="ring fill" />;
    case 'listening':
      return <circle cx="7" cy="7" r="5" class="ring" />;
    case 'connecting':
      return <circle cx="7" cy="7" r="5" class="ring is-dotted" />;
    case 'paused':
      return <path d="M3 2h3v10H3zM8 2h3v10H8z" class="fill" />;
    case 'failing':
      return <path d="M2.5 2.5l9 9M11.5 2.5l-9 9" class="line" />;
  }
}

const gapsShown = 3;

function Gaps({ gaps }: { gaps: WayIn['gaps'] }) {
  if (gaps.length === 0) return null;
  const newest = [...gaps].reverse();
  return (
    <div class="way-gaps">
      <p>{plural('way.gaps', gaps.length)}</p>
      <ul>
        {newest.slice(0, gapsShown).map((gap) => (
          <li key={gap.from}>
            <span class="hatch" aria-hidden="true" />
            {t('way.gap', {
              from: formatTime(gap.from, 'full', zone.value),
              to: formatTime(gap.to, 'second', zone.value),
              duration: formatDuration(gap.to - gap.from),
            })}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Filters({ broker }: { broker: Broker }) {
  return (
    <p class="muted way-filters">
      {t('way.reads')}{' '}
      {broker.filters.map((one, i) => (
        <span key={one.filter}>
          {i > 0 && ', '}
          <code>{one.filter}</code>
          {one.qos === 0 && ` ${t('way.unconfirmed')}`}
        </span>
      ))}
    </p>
  );
}

interface ActProps {
  broker: Broker;
  title: string;
  changed: () => void;
  edit: (broker: Broker) => void;
  remove: (broker: Broker) => void;
}

function Acts({ broker, title, changed, edit, remove }: ActProps) {
  const why = useSignal<string | null>(null);
  const isPaused = broker.paused ?? false;
  const pause = async () => {
    try {
      await changeBroker(broker, { paused: !isPaused });
      why.value = null;
    } catch (error) {
      why.value =
        error instanceof Failure && error.status === 412
          ? t('form.changed_elsewhere')
          : failureText(error);
    }
    changed();
  };
  const pauseWord = t(isPaused ? 'broker.resume' : 'broker.pause');
  return (
    <p class="way-acts">
      <button type="button" aria-label={`${pauseWord} ${title}`} onClick={pause}>
        {pauseWord}
      </button>
      <button
        type="button"
        id={`edit-${broker.name}`}
        aria-label={`${t('broker.edit')} ${title}`}
        onClick={() => edit(broker)}
      >
        {t('broker.edit')}
      </button>
      <button
        type="button"
        aria-label={`${t('broker.remove')} ${title}`}
        onClick={() => remove(broker)}
      >
        {t('broker.remove')}
      </button>
      {why.value && <span role="alert">{why.value}</span>}
    </p>
  );
}

function Figures({ way }: { way: WayIn }) {
  const lag = way.lag_ms ?? 0;
  return (
    <dl class="way-figures">
      <div class="is-rate">
        <dd>{formatCount(way.per_minute)}</dd>
        <dt>{t('way.per_minute')}</dt>
      </div>
      <div>
        <dt>{t('books.received')}</dt>
        <dd>{formatCount(way.received)}</dd>
      </div>
      {way.in_flight > 0 && (
        <div>
          <dt>{t('books.in_flight')}</dt>
          <dd>{formatCount(way.in_flight)}</dd>
        </div>
      )}
      {lag > 0 && (
        <div>
          <dt>{t('way.lag')}</dt>
          <dd>{lag < 1000 ? formatDuration(lag) : formatCoarse(lag)}</dd>
        </div>
      )}
    </dl>
  );
}
