/** The last message of a device as it came, and what was done with it, step by step. */
import { getLastMessage, type TraceMessage } from '../api/settings.ts';
import { toValue } from '../api/types.ts';
import { formatValue } from '../format/number.ts';
import { formatAge } from '../format/time.ts';
import { plural, sourceName, t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { usePoll } from '../state/poll.ts';
import { withKept } from '../state/url.ts';

const pollMs = 5000;

export function LastMessage({ device }: { device: string }) {
  // Wrapped, so that "there is none" is told from "not asked yet".
  const { data, failure } = usePoll(device, async () => [await getLastMessage(device)], pollMs);
  const last = data?.[0] ?? null;
  return (
    <section>
      <h2>{t('health.last')}</h2>
      {failure && <p class="muted">{failure}</p>}
      {data && !last && <p class="muted">{t('health.last_none')}</p>}
      {last && (
        <>
          <p class="muted">
            <a href={withKept(`/topics?${new URLSearchParams({ topic: last.topic })}`)}>
              {last.topic}
            </a>
            {' · '}
            {formatAge(now.value - last.message.t)}
            {' · '}
            {sourceName(last.message.source)} · {last.message.client}
            {' · '}
            {plural('health.bytes', last.message.bytes)}
          </p>
          <pre class="last-payload">{last.message.text ?? last.message.hex}</pre>
          <Steps message={last.message} />
          <p>{last.why}</p>
        </>
      )}
    </section>
  );
}

function Steps({ message }: { message: TraceMessage }) {
  return (
    <ol class="last-steps">
      {message.steps.map((step) => (
        <li key={step}>{step}</li>
      ))}
      {message.readings.length > 0 && (
        <li>
          {message.readings.map((reading, i) => (
            <span key={`${reading.device}/${reading.metric}`} class={`quality-${reading.q}`}>
              {i > 0 && ', '}
              {reading.metric} <b class="figure">{formatValue(toValue(reading.v))}</b>
              {reading.unit && ` ${reading.unit}`}
              {(reading.flaw ?? reading.rejected) &&
                ` (${word('flaw', reading.flaw ?? reading.rejected ?? '')})`}
            </span>
          ))}
        </li>
      )}
    </ol>
  );
}
