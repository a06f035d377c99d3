/** What the rule, as it stands, makes of the last messages. Nothing of it is stored. */
import type { TrialMessage } from '../api/topics.ts';
import { FateMark } from '../components/FateMark.tsx';
import { readable } from '../components/Payload.tsx';
import { ReadingsTable } from '../components/ReadingsTable.tsx';
import { plural, t } from '../i18n/index.ts';
import { ruleName } from '../state/topics.ts';
import { fateOf } from '../topics/tree.ts';
import type { TrialState } from './trial.ts';

interface Props {
  trial: TrialState;
  isTouched: boolean;
  /** Whether the form can be sent as it stands. */
  isClean: boolean;
}

export function TrialPane({ trial, isTouched, isClean }: Props) {
  const { data, failure, isBusy } = trial;
  return (
    <section
      class={isBusy ? 'trial slim is-busy' : 'trial slim'}
      aria-labelledby="trial-title"
      tabIndex={0}
    >
      <h3 id="trial-title">{t('rules.trial')}</h3>
      <p role="status" class="muted">
        {isClean && data ? told(data.messages) : !isTouched ? t('rules.trial_waits') : ''}
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
            <p class="shadowed">{t('rules.shadowed', { rule: ruleName(data.shadowed_by) })}</p>
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

function told(messages: readonly TrialMessage[]): string {
  if (messages.length === 0) return t('rules.trial_none');
  const read = messages.filter((one) => fateOf(one.outcome) === 'charted').length;
  return plural('rules.trial_told', messages.length, { read });
}

function Tried({ message }: { message: TrialMessage }) {
  return (
    <li class="tried">
      <p class="tried-head">
        <FateMark outcome={message.outcome} isQuiet /> <b class="topic">{message.topic}</b>
      </p>
      <pre class="payload">{readable(message.text, message.hex)}</pre>
      {message.detail && <p>{message.detail}</p>}
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
