/** Beneath the rule: whether it is asked, Save, and what has to be answered before. */
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { plural, t } from '../i18n/index.ts';

interface Props {
  asked: Signal<'leaving' | { worse: number } | null>;
  close: () => void;
  saveAnyway: () => void;
  isEnabled: Signal<boolean>;
  setUnsaved: () => void;
  /** Why it was not saved. */
  why: string | null;
  /** It reads no value yet. */
  isHeld: boolean;
  isSaving: boolean;
  /** Unread messages that it takes. */
  waiting: number;
}

export function RuleFooter(props: Props) {
  const { asked, close, saveAnyway, isEnabled, setUnsaved, why, isHeld, isSaving, waiting } = props;
  const stay = () => {
    asked.value = null;
  };
  if (asked.value === 'leaving') {
    return <Question sentence={t('rules.unsaved')} act={t('rules.leave')} go={close} stay={stay} />;
  }
  if (asked.value) {
    const sentence = plural('rules.trial_worse', asked.value.worse);
    return (
      <Question sentence={sentence} act={t('rules.save_anyway')} go={saveAnyway} stay={stay} />
    );
  }
  return (
    <footer>
      <label class="check">
        <input
          type="checkbox"
          checked={isEnabled.value}
          onChange={(event) => {
            isEnabled.value = event.currentTarget.checked;
            setUnsaved();
          }}
        />
        {t('rules.enabled')}
      </label>
      {why && <span role="alert">{why}</span>}
      {isHeld && (
        <p id="rule-held" class="form-hint">
          {t('rules.needs_value')}
        </p>
      )}
      <button
        type="submit"
        class="is-first"
        disabled={isSaving || isHeld}
        aria-describedby={isHeld ? 'rule-held' : undefined}
      >
        {waiting > 0 && isEnabled.value ? plural('rules.save_and_read', waiting) : t('rules.save')}
      </button>
    </footer>
  );
}

interface QuestionProps {
  sentence: string;
  act: string;
  go: () => void;
  stay: () => void;
}

/** Takes the focus from what it stands in the place of. */
function Question({ sentence, act, go, stay }: QuestionProps) {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <footer>
      <p class="leaving" role="alert">
        {sentence}{' '}
        <button type="button" onClick={go}>
          {act}
        </button>{' '}
        <button type="button" ref={first} onClick={stay}>
          {t('rules.stay')}
        </button>
      </p>
    </footer>
  );
}
