/** A rule as a form or as JSON, tried on the last messages while it is written, then saved. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { changeRule, createRule, type RuleSpec } from '../api/topics.ts';
import rulesWords from '../i18n/en.rules.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { takes } from '../sources/topics.ts';
import { failureText, loadUnread, unread } from '../state/fleet.ts';
import { loadRules } from '../state/topics.ts';
import { type Draft, draftOf, type Mistakes, parseSpec, specOf } from './draft.ts';
import { notice } from './editing.ts';
import { JsonForm } from './JsonForm.tsx';
import type { EditorProps } from './RuleDialog.tsx';
import { RuleForm } from './RuleForm.tsx';
import { readAgain } from './readAgain.ts';
import { TrialPane } from './TrialPane.tsx';
import { useTrial } from './trial.ts';
import '../styles/rules.css';

addWords(rulesWords);

/** What is being written: the form's fields or the JSON text. */
type Writing = { as: 'form'; draft: Draft } | { as: 'json'; text: string };

interface Meant {
  spec: RuleSpec | null;
  mistakes: Mistakes;
  wrongJson: string | null;
}

function meantBy(writing: Writing): Meant {
  if (writing.as === 'form') return { ...specOf(writing.draft), wrongJson: null };
  const parsed = parseSpec(writing.text);
  if ('spec' in parsed) return { spec: parsed.spec, mistakes: {}, wrongJson: null };
  return { spec: null, mistakes: {}, wrongJson: parsed.wrong };
}

const written = (spec: RuleSpec) => JSON.stringify(spec, null, 2);

export function RuleEditor({ of, close, setUnsaved }: EditorProps) {
  const writing = useSignal<Writing>({ as: 'form', draft: draftOf(of.spec) });
  const isEnabled = useSignal(of.seen?.enabled ?? true);
  /** Mistakes are told once something was typed: an empty form is no mistake yet. */
  const isTouched = useSignal(of.isSuggested || of.seen !== null);
  const isLeaving = useSignal(false);
  const isSaving = useSignal(false);
  const why = useSignal<string | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const meant = meantBy(writing.value);
  const isClean = meant.spec !== null && Object.keys(meant.mistakes).length === 0;
  const trial = useTrial(isClean ? meant.spec : null, of.seen?.id ?? null);
  const waiting = (unread.value.data?.items ?? []).filter(
    (message) => trial.value.data && takes(trial.value.data.filter, message.topic),
  );

  useEffect(() => {
    const ask = () => {
      isLeaving.value = true;
    };
    const dialog = form.current?.closest('dialog');
    dialog?.addEventListener('unsaved', ask);
    form.current?.querySelector<HTMLElement>('input')?.focus();
    return () => dialog?.removeEventListener('unsaved', ask);
  }, [isLeaving]);

  const write = (next: Writing) => {
    writing.value = next;
    isTouched.value = true;
    why.value = null;
    setUnsaved(true);
  };
  const turn = (as: Writing['as']) => {
    if (as === writing.value.as || !meant.spec) return;
    writing.value =
      as === 'json' ? { as, text: written(meant.spec) } : { as, draft: draftOf(meant.spec) };
  };
  const leave = () => {
    if (isUnsavedNow()) isLeaving.value = true;
    else close();
  };
  const isUnsavedNow = () =>
    meant.spec === null || written(meant.spec) !== written(specOf(draftOf(of.spec)).spec);

  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    isTouched.value = true;
    if (!meant.spec || !isClean || trial.value.failure) {
      requestAnimationFrame(() =>
        form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(),
      );
      return;
    }
    isSaving.value = true;
    try {
      const saved = of.seen
        ? await changeRule(of.seen, meant.spec, isEnabled.value)
        : await createRule(meant.spec, isEnabled.value);
      const again = saved.enabled ? await readAgain(waiting) : '';
      notice.value = `${t(saved.enabled ? 'rules.saved' : 'rules.saved_off')} ${again}`.trim();
      await Promise.all([loadRules(), loadUnread()]);
      close();
    } catch (error) {
      why.value = failureText(error);
    } finally {
      isSaving.value = false;
    }
  };

  return (
    <form class="form rule-editor" ref={form} onSubmit={save} noValidate>
      <header>
        <h2 id="rule-title">{t(of.seen ? 'rules.change' : 'rules.new')}</h2>
        <fieldset class="presets">
          <legend class="sr-only">{t('rules.as')}</legend>
          {(['form', 'json'] as const).map((as) => (
            <button
              key={as}
              type="button"
              aria-pressed={writing.value.as === as}
              disabled={!meant.spec}
              onClick={() => turn(as)}
            >
              {t(`rules.as_${as}`)}
            </button>
          ))}
        </fieldset>
        <button type="button" class="quiet" onClick={leave}>
          {t('dialog.close')}
        </button>
      </header>
      <div class="rule-body">
        <div class="rule-written">
          {!of.seen && of.spec.match && (
            <p class="muted">{t(of.isSuggested ? 'rules.suggested' : 'rules.no_suggestion')}</p>
          )}
          {writing.value.as === 'form' ? (
            <RuleForm
              draft={writing.value.draft}
              set={(draft) => write({ as: 'form', draft })}
              mistakes={meant.mistakes}
              problem={isTouched.value ? trial.value.failure : null}
            />
          ) : (
            <JsonForm
              text={writing.value.text}
              set={(text) => write({ as: 'json', text })}
              wrong={meant.wrongJson}
              problem={trial.value.failure}
            />
          )}
        </div>
        <TrialPane trial={trial.value} isTouched={isTouched.value} isClean={isClean} />
      </div>
      <footer>
        {isLeaving.value ? (
          <p class="leaving" role="alert">
            {t('rules.unsaved')}{' '}
            <button type="button" onClick={close}>
              {t('rules.leave')}
            </button>{' '}
            <button
              type="button"
              onClick={() => {
                isLeaving.value = false;
              }}
            >
              {t('rules.stay')}
            </button>
          </p>
        ) : (
          <>
            <label class="check">
              <input
                type="checkbox"
                checked={isEnabled.value}
                onChange={(event) => {
                  isEnabled.value = event.currentTarget.checked;
                  setUnsaved(true);
                }}
              />
              {t('rules.enabled')}
            </label>
            {why.value && <span role="alert">{why.value}</span>}
            <button type="submit" class="is-first" disabled={isSaving.value}>
              {waiting.length > 0 && isEnabled.value
                ? plural('rules.save_and_read', waiting.length)
                : t('rules.save')}
            </button>
          </>
        )}
      </footer>
    </form>
  );
}
