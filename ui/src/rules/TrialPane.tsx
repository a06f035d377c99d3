/** What the rule, as it stands, makes of the last messages. Nothing of it is stored. */
import type { Signal } from '@preact/signals';
import type { TraceReading, Trial, TrialMessage } from '../api/topics.ts';
import { toValue } from '../api/types.ts';
import { FateMark } from '../components/FateMark.tsx';
import { readable } from '../components/Payload.tsx';
import { ReadingsTable } from '../components/ReadingsTable.tsx';
import { formatValue } from '../format/number.ts';
import { plural, t } from '../i18n/index.ts';
import { ruleName } from '../state/topics.ts';
import { fateOf } from '../topics/tree.ts';
import { lostOf, type TrialState, worseOf } from './trial.ts';

interface Props {
  trial: TrialState;
  isTouched: boolean;
  /** Whether the form can be sent as it stands. */
  isClean: boolean;
  /** Whether it is to be asked before a rule that would take all of its topics. */
  isBefore: Signal<boolean>;
}

export function TrialPane({ trial, isTouched, isClean, isBefore }: Props) {
  const { data, failure, isBusy } = trial;
  const isWaiting = !isTouched || (isClean && !failure && !isBusy);
  return (
    <section
      class={isBusy ? 'trial slim is-busy' : 'trial slim'}
      aria-labelledby="trial-title"
      tabIndex={0}
    >
      <h3 id="trial-title">{t('rules.trial')}</h3>
      <p role="status" class="muted">
        {isClean && data ? told(data) : isWaiting ? t('rules.trial_waits') : ''}
      </p>
      {(failure || !isClean) && isTouched && (
        <p class="wrong">
          {failure?.sentence ?? t('rules.trial_unclean')}
          {failure?.member && <span class="muted"> {failure.member}</span>}
        </p>
      )}
      {isClean && data && (
        <>
          <p class="muted">
            {t('rules.takes')} <span class="mono">{data.filter}</span>
          </p>
          {data.shadowed_by && (
            <>
              <p class="shadowed">{t('rules.shadowed', { rule: ruleName(data.shadowed_by) })}</p>
              <label class="check">
                <input
                  type="checkbox"
                  checked={isBefore.value}
                  onChange={(event) => {
                    isBefore.value = event.currentTarget.checked;
                  }}
                />
                {t('rules.before', { rule: ruleName(data.shadowed_by) })}
              </label>
              {!isBefore.value && (
                <p class="wrong" role="status">
                  {t('rules.never', { rule: ruleName(data.shadowed_by) })}
                </p>
              )}
            </>
          )}
          <ul class="trial-messages">
            {data.messages.map((message, i) => (
              <Tried key={i} message={message} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function told(trial: Trial): string {
  const { messages } = trial;
  if (messages.length === 0) return t('rules.trial_none');
  const read = messages.filter((one) => fateOf(one.outcome) === 'charted').length;
  const worse = worseOf(trial).length;
  const sentence = plural('rules.trial_told', messages.length, { read });
  return worse > 0 ? `${sentence} ${plural('rules.trial_worse', worse)}` : sentence;
}

function Tried({ message }: { message: TrialMessage }) {
  const { now } = message;
  return (
    <li class="tried">
      <p class="tried-head">
        <FateMark outcome={message.outcome} isQuiet /> <b class="topic">{message.topic}</b>
      </p>
      <pre class="payload">{readable(message.text, message.hex)}</pre>
      {message.worse && <Worse message={message} />}
      {now && (
        <p>
          <b>{t('rules.now')}</b> <FateMark outcome={now.outcome} />{' '}
          {now.readings.length > 0 ? <Said readings={now.readings} /> : now.detail}
        </p>
      )}
      <p>
        {now && <b>{t('rules.then')} </b>}
        {now && <FateMark outcome={message.outcome} />} {message.detail}
      </p>
      {message.readings.length > 0 && (
        <ReadingsTable
          readings={message.readings}
          label={t('rules.trial_readings', { topic: message.topic })}
          isTrial
        />
      )}
    </li>
  );
}

function Worse({ message }: { message: TrialMessage }) {
  const lost = lostOf(message);
  return (
    <p class="wrong">
      {t('rules.worse')}{' '}
      {lost.length > 0
        ? t('rules.worse_lost', { metrics: lost.join(', ') })
        : t('rules.worse_read')}
    </p>
  );
}

const saidMost = 6;

/** Readings on one line. */
function Said({ readings }: { readings: readonly TraceReading[] }) {
  const parts = readings
    .slice(0, saidMost)
    .map(({ metric, v, unit }) => `${metric} ${formatValue(toValue(v))}${unit ? ` ${unit}` : ''}`);
  const more = readings.length - saidMost;
  if (more > 0) parts.push(t('rules.now_more', { n: more }));
  return <span>{parts.join(', ')}</span>;
}
