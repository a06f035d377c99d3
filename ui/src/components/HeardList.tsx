/** First messages of topics not heard before, each told as one sentence. */
import { type Heard, toValue } from '../api/types.ts';
import { metricTitle } from '../chart/hue.ts';
import { formatValue } from '../format/number.ts';
import { formatAge } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { heard, newDevices } from '../state/fleet.ts';
import { devicePath, withKept } from '../state/url.ts';

const told = 3;
const textMost = 60;

export function HeardList() {
  const waiting = new Set(newDevices.value.map((device) => device.key));
  const items = heard.value.data?.filter((item) => waiting.has(item.device)) ?? [];
  if (items.length === 0) return null;
  return (
    <section class="heard" aria-label={t('heard.title')}>
      {items.slice(0, told).map((item) => (
        <HeardSentence key={`${item.topic}${item.t}`} item={item} />
      ))}
      {items.length > told && (
        <p>
          <a href={withKept('/inbox')}>{plural('heard.more', items.length - told)}</a>
        </p>
      )}
    </section>
  );
}

export function HeardSentence({ item }: { item: Heard }) {
  const metrics = newDevices.value.find((one) => one.key === item.device)?.metrics;
  return (
    <p class="heard-sentence">
      {t('heard.heard')} <b class="topic">{item.topic}</b> = <b>{payload(item)}</b> →{' '}
      {t('heard.device')} <a href={withKept(devicePath(item.device))}>{item.device}</a>
      {item.readings.map((reading) => (
        <span key={reading.metric}>
          ,{' '}
          {inSentence(
            metricTitle(
              metrics?.find((one) => one.name === reading.metric) ?? { name: reading.metric },
            ),
          )}
          {reading.unit && `, ${reading.unit}`}
          {reading.unit && reading.unit_source === 'assumed' && (
            <>
              {' '}
              <span class="is-assumed">{t('unit.assumed')}</span>
            </>
          )}
        </span>
      ))}
      <span class="age"> {formatAge(now.value - item.t)}</span>
    </p>
  );
}

/** Small at the start, unless it is written so: "temperature", but "DHT11 temperature". */
const inSentence = (title: string) =>
  title.replace(/^[A-Z](?=[a-z ]|$)/, (letter) => letter.toLowerCase());

/** What was sent, cut where it gets long. */
function payload(item: Heard): string {
  const text =
    item.text ?? item.readings.map((reading) => formatValue(toValue(reading.v))).join(', ');
  return text.length > textMost ? `${text.slice(0, textMost)}…` : text;
}
