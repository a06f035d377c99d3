/** Can I trust this device: rhythm, loss, clock, failures, connection, and its last message. */

import type { DeviceEvent, DeviceHealth } from '../api/settings.ts';
import { getEvents, getHealth } from '../api/settings.ts';
import type { Device, Metric } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { Failure } from '../components/Failure.tsx';
import { formatCount, formatNumber } from '../format/number.ts';
import { formatAge, formatDuration, formatTime } from '../format/time.ts';
import words from '../i18n/en.health.json';
import { addWords, plural, t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { usePoll } from '../state/poll.ts';
import { zone } from '../state/prefs.ts';
import { clockWords, type Fact, lossWords, rateWords } from './facts.ts';
import { LastMessage } from './LastMessage.tsx';
import '../styles/settings.css';

addWords(words);

const pollMs = 3000;
const eventsPollMs = 10_000;

export function Health({ device }: { device: Device }) {
  const health = usePoll(device.key, () => getHealth(device.key), pollMs);
  const events = usePoll(device.key, () => getEvents(device.key), eventsPollMs);
  const { data } = health;
  return (
    <div class="settings health">
      {health.failure && !data && (
        <Failure what={t('health.failed')} why={health.failure} again={health.again} />
      )}
      {data && <Told health={data} />}
      {data && <Facts health={data} />}
      {data && data.metrics.length > 0 && (
        <MetricsTable metrics={data.metrics} known={device.metrics} />
      )}
      {!data && !health.failure && (
        <div class="progress" role="status" aria-label={t('progress')} />
      )}
      <LastMessage device={device.key} />
      {events.data && events.data.length > 0 && <Events events={events.data} />}
    </div>
  );
}

function Told({ health }: { health: DeviceHealth }) {
  const lint = health.connection?.lint ?? [];
  const hints = [...health.hints.map((hint) => hint.sentence), ...lint];
  return (
    <section class="health-told">
      <p class="health-sentence">{health.sentence}</p>
      {hints.length > 0 && (
        <ul class="hints" aria-label={t('health.hints')}>
          {hints.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Facts({ health }: { health: DeviceHealth }) {
  return (
    <section class="facts-of-health" aria-label={t('health.facts')}>
      <dl>
        {factsOf(health).map((fact) => (
          <div key={fact.name}>
            <dt>{fact.name}</dt>
            <dd class={fact.value === none() ? 'is-unknown' : undefined}>
              {fact.value}
              {fact.more && <span class="muted"> {fact.more}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <p class="muted">{t('health.since_start')}</p>
    </section>
  );
}

const none = () => t('health.unknown');

function duration(ms: number | null | undefined): string {
  return typeof ms === 'number' ? formatDuration(ms) : none();
}

function factsOf(health: DeviceHealth): Fact[] {
  const { failures, connection } = health;
  const jitter = health.jitter_ms;
  return [
    {
      name: t('health.interval'),
      value: duration(health.interval_ms),
      more:
        typeof jitter === 'number' ? t('health.jitter', { jitter: formatDuration(jitter) }) : '',
    },
    {
      name: t('health.messages'),
      value: formatCount(health.messages),
      more: [
        health.duplicates > 0 &&
          plural('health.duplicates', health.duplicates, countOf(health.duplicates)),
        health.replaced > 0 && plural('health.replaced', health.replaced, countOf(health.replaced)),
      ]
        .filter(Boolean)
        .join(', '),
    },
    { name: t('health.loss'), ...lossWords(health.loss ?? null) },
    { name: t('health.clock'), ...clockWords(health.clock) },
    {
      name: t('health.failures'),
      value: rateWords(failures.bad, failures.total, failures.percent),
      more: flaws({ ...failures.by_flaw, ...failures.suspect_by_flaw }),
    },
    {
      name: t('health.rssi'),
      value: typeof health.rssi === 'number' ? `${formatNumber(health.rssi)} dBm` : none(),
    },
    {
      name: t('health.battery'),
      value: typeof health.battery === 'number' ? `${formatNumber(health.battery)} %` : none(),
    },
    {
      name: t('health.connection'),
      value: connection?.client ?? none(),
      more: [
        connection?.address,
        typeof connection?.since === 'number' &&
          t('health.connected', { age: formatAge(now.value - connection.since) }),
      ]
        .filter(Boolean)
        .join(', '),
    },
  ];
}

const countOf = (n: number) => ({ n: formatCount(n) });

function flaws(byFlaw: Record<string, number>): string {
  return Object.entries(byFlaw)
    .sort((a, b) => b[1] - a[1])
    .map(([flaw, count]) => `${word('flaw', flaw)} ${formatCount(count)}`)
    .join(', ');
}

interface TableProps {
  metrics: DeviceHealth['metrics'];
  known: readonly Metric[];
}

function MetricsTable({ metrics, known }: TableProps) {
  return (
    <section>
      <h2>{t('health.by_metric')}</h2>
      <section class="table-scroll" aria-label={t('health.by_metric')} tabIndex={0}>
        <table class="health-table">
          <thead>
            <tr>
              <th scope="col">{t('health.metric')}</th>
              <th scope="col">{t('health.interval')}</th>
              <th scope="col">{t('health.jitter_head')}</th>
              <th scope="col">{t('health.bad')}</th>
              <th scope="col">{t('health.suspect')}</th>
              <th scope="col">{t('health.still')}</th>
            </tr>
          </thead>
          <tbody>
            {metrics.map((metric) => (
              <tr key={metric.name}>
                <th scope="row">
                  {metricTitle(known.find((one) => one.name === metric.name) ?? metric)}
                </th>
                <td>{duration(metric.interval_ms)}</td>
                <td>{duration(metric.jitter_ms)}</td>
                <td>{formatCount(metric.bad)}</td>
                <td>{formatCount(metric.suspect)}</td>
                <td>
                  {typeof metric.frozen_since === 'number'
                    ? t('health.frozen', {
                        time: formatTime(metric.frozen_since, 'full', zone.value),
                      })
                    : '–'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Events({ events }: { events: DeviceEvent[] }) {
  return (
    <section>
      <h2>{t('health.events')}</h2>
      <ul class="setting-list">
        {events.map((event) => (
          <li key={`${event.t}${event.code}${event.sentence}`}>
            <span>{event.sentence}</span>
            <time class="muted" dateTime={new Date(event.t).toISOString()}>
              {formatTime(event.t, 'full', zone.value)}
            </time>
          </li>
        ))}
      </ul>
    </section>
  );
}
