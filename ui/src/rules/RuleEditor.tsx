/** A rule as a form or as JSON, tried on the last messages while it is written, then saved. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
  changeRule,
  createRule,
  getRules,
  orderRules,
  type Rule,
  type RuleSpec,
} from '../api/topics.ts';
import { focusNotice } from '../components/Notice.tsx';
import rulesWords from '../i18n/en.rules.json';
import { addWords, t } from '../i18n/index.ts';
import { takes } from '../sources/topics.ts';
import { failureText, loadUnread, unread } from '../state/fleet.ts';
import { loadRules } from '../state/topics.ts';
import { type Draft, draftOf, type Mistakes, parseSpec, specOf } from './draft.ts';
import { type Editing, notice } from './editing.ts';
import { JsonForm } from './JsonForm.tsx';
import type { EditorProps } from './RuleDialog.tsx';
import { RuleFooter } from './RuleFooter.tsx';
import { RuleForm } from './RuleForm.tsx';
import { readAgain } from './readAgain.ts';
import { TrialPane } from './TrialPane.tsx';
import { isFilled, readsSomething, tryRule, useTrial, worseOf } from './trial.ts';
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

/** Keeps the rule, in front of the rule `before` where one is named. */
async function keep(
  seen: Rule | null,
  spec: RuleSpec,
  enabled: boolean,
  before: string | null,
): Promise<Rule> {
  if (!seen) return createRule(spec, enabled, before);
  const kept = await changeRule(seen, spec, enabled);
  if (!before) return kept;
  const ids = (await getRules()).items.map((one) => one.id).filter((id) => id !== kept.id);
  if (ids.includes(before)) {
    ids.splice(ids.indexOf(before), 0, kept.id);
    await orderRules(ids);
  }
  return kept;
}

/** Whether the rule has to read a value before it can be saved: it is made from a message. */
const needsValue = (of: Editing) => of.topic !== null && of.seen === null;

export function RuleEditor({ of, close, setUnsaved }: EditorProps) {
  const writing = useSignal<Writing>({ as: 'form', draft: draftOf(of.spec) });
  const isEnabled = useSignal(of.seen?.enabled ?? true);
  /** Whether it is to be asked before a rule that would take all of its topics. */
  const isBefore = useSignal(of.seen === null);
  /** Mistakes are told once something was typed: an empty form is no mistake yet. */
  const isTouched = useSignal(of.suggestion === 'suggested' || of.seen !== null);
  /** What has to be answered first: whether to lose the rule, or values of so many messages. */
  const asked = useSignal<'leaving' | { worse: number } | null>(null);
  const isSaving = useSignal(false);
  const why = useSignal<string | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const meant = meantBy(writing.value);
  const isClean = meant.spec !== null && Object.keys(meant.mistakes).length === 0;
  const trialOf = { id: of.seen?.id ?? null, topic: of.topic };
  const isTried = isClean && (writing.value.as === 'json' || isFilled(meant.spec));
  const trial = useTrial(isTried ? meant.spec : null, trialOf, isBefore.value);
  const data = isTried ? trial.value.data : null;
  const waiting = (unread.value.data?.items ?? []).filter(
    (message) => data && takes(data.filter, message.topic),
  );
  const isHeld =
    needsValue(of) && !(isClean && meant.spec && data && readsSomething(meant.spec, data));

  useEffect(() => {
    // Rules are told by name.
    void loadRules();
    const ask = () => {
      asked.value = 'leaving';
    };
    const dialog = form.current?.closest('dialog');
    dialog?.addEventListener('unsaved', ask);
    form.current?.querySelector<HTMLElement>('input')?.focus();
    return () => dialog?.removeEventListener('unsaved', ask);
  }, [asked]);

  const write = (next: Writing) => {
    writing.value = next;
    isTouched.value = true;
    asked.value = null;
    why.value = null;
    setUnsaved(true);
  };
  const turn = (as: Writing['as']) => {
    if (as === writing.value.as || !meant.spec) return;
    writing.value =
      as === 'json' ? { as, text: written(meant.spec) } : { as, draft: draftOf(meant.spec) };
  };
  const leave = () => {
    if (isUnsavedNow()) asked.value = 'leaving';
    else close();
  };
  const isUnsavedNow = () =>
    meant.spec === null || written(meant.spec) !== written(specOf(draftOf(of.spec)).spec);

  const save = async (isSure: boolean) => {
    isTouched.value = true;
    if (!meant.spec || !isClean || trial.value.failure) {
      requestAnimationFrame(() =>
        form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(),
      );
      return;
    }
    isSaving.value = true;
    try {
      // What is on screen may be older than the last key.
      const tried = await tryRule(meant.spec, trialOf, isBefore.value);
      if (needsValue(of) && !readsSomething(meant.spec, tried)) return;
      const worse = isEnabled.value ? worseOf(tried).length : 0;
      if (worse > 0 && !isSure) {
        asked.value = { worse };
        return;
      }
      const before = (isBefore.value && tried.shadowed_by) || null;
      const saved = await keep(of.seen, meant.spec, isEnabled.value, before);
      const again = saved.enabled ? await readAgain(saved.id) : '';
      notice.value = `${t(saved.enabled ? 'rules.saved' : 'rules.saved_off')} ${again}`.trim();
      await Promise.all([loadRules(), loadUnread()]);
      close();
      focusNotice();
    } catch (error) {
      asked.value = null;
      why.value = failureText(error);
    } finally {
      isSaving.value = false;
    }
  };

  return (
    <form
      class="form rule-editor"
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isHeld && !isSaving.value) void save(false);
      }}
      noValidate
    >
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
          {of.suggestion && (
            <p class="muted">
              {of.suggestion === 'suggested' ? t('rules.suggested') : of.suggestion.why}
            </p>
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
        <TrialPane
          trial={{ ...trial.value, data }}
          isTouched={isTouched.value}
          isClean={isClean}
          isBefore={isBefore}
        />
      </div>
      <RuleFooter
        asked={asked}
        close={close}
        saveAnyway={() => void save(true)}
        isEnabled={isEnabled}
        setUnsaved={() => setUnsaved(true)}
        why={why.value}
        isHeld={isHeld}
        isSaving={isSaving.value}
        waiting={waiting.length}
      />
    </form>
  );
}
