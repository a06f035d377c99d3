/** One change for all devices that are chosen, at the foot of the overview; who could not be changed is named. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { type BulkChange, type BulkFailure, changeMany } from '../api/putAway.ts';
import type { Device } from '../api/types.ts';
import { tied } from '../components/Field.tsx';
import { formatCount } from '../format/number.ts';
import words from '../i18n/en.choose.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { devices, failureText, loadDevices } from '../state/fleet.ts';
import { undoable } from '../state/undo.ts';
import '../styles/choose.css';
import { chosen, endChoosing } from './choosing.ts';
import { listedNow } from './listed.ts';

addWords(words);

const acts = ['add_tags', 'remove_tags', 'place', 'group', 'accept', 'archive'] as const;
type Act = (typeof acts)[number];
/** Without anything typed these would do nothing. */
const wantsText = (act: Act) => act === 'add_tags' || act === 'remove_tags';
const takesText = (act: Act) => act !== 'accept' && act !== 'archive';

const readTags = (text: string) => [
  ...new Set(
    text
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];

function changeOf(act: Act, text: string): BulkChange {
  switch (act) {
    case 'add_tags':
      return { add_tags: readTags(text) };
    case 'remove_tags':
      return { remove_tags: readTags(text) };
    case 'place':
      return { place: text.trim() };
    case 'group':
      return { group: text.trim() };
    case 'accept':
      return { accepted: true };
    case 'archive':
      return { archived: true };
  }
}

/** What others have of the same, to choose from. */
function knownOf(act: Act): string[] {
  const of = (one: Device) =>
    act === 'place' ? (one.place ?? []) : act === 'group' ? (one.group ?? []) : one.tags;
  return [...new Set((devices.value.data ?? []).flatMap(of))].sort();
}

interface Outcome {
  words: string;
  failed: BulkFailure[];
}

export function Choosing() {
  const act = useSignal<Act>('add_tags');
  const text = useSignal('');
  const busy = useSignal<string | null>(null);
  const outcome = useSignal<Outcome | null>(null);
  const bar = useRef<HTMLFormElement>(null);
  const id = useId();
  useEffect(() => {
    const leave = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !busy.peek()) endChoosing();
    };
    addEventListener('keydown', leave);
    return () => removeEventListener('keydown', leave);
  }, []);
  const keys = [...(chosen.value ?? [])];
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy.value) return;
    const change = changeOf(act.value, text.value);
    outcome.value = null;
    busy.value = t('choose.busy');
    outcome.value = await perform(keys, change, (done) => {
      busy.value = t('choose.done_of', { done: formatCount(done), n: formatCount(keys.length) });
    });
    busy.value = null;
    text.value = '';
  };
  const isReady = keys.length > 0 && (!wantsText(act.value) || readTags(text.value).length > 0);
  return (
    <form class="choosing" aria-label={t('choose.title')} onSubmit={submit} ref={bar}>
      <p class="choosing-count">
        <b>{plural('choose.chosen', keys.length, { n: formatCount(keys.length) })}</b>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            chosen.value = new Set(listedNow.peek().map((one) => one.key));
          }}
        >
          {t('choose.all', { n: formatCount(listedNow.value.length) })}
        </button>
        <button
          type="button"
          class="quiet"
          disabled={keys.length === 0}
          onClick={() => {
            chosen.value = new Set();
          }}
        >
          {t('choose.none')}
        </button>
      </p>
      <p class="choosing-acts">
        <select
          aria-label={t('choose.what')}
          value={act.value}
          onChange={(event) => {
            act.value = acts.find((one) => one === event.currentTarget.value) ?? 'add_tags';
            text.value = '';
          }}
        >
          {acts.map((one) => (
            <option key={one} value={one}>
              {t(`choose.act_${one}`)}
            </option>
          ))}
        </select>
        {takesText(act.value) && (
          <>
            <input
              {...tied({ id, hint: undefined, fault: null })}
              aria-label={t(`choose.text_${act.value}`)}
              placeholder={t(`choose.text_${act.value}`)}
              autocomplete="off"
              list={`${id}-known`}
              value={text.value}
              onInput={(event) => {
                text.value = event.currentTarget.value;
              }}
            />
            <datalist id={`${id}-known`}>
              {knownOf(act.value).map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
        <button type="submit" class="is-first" disabled={!isReady || busy.value !== null}>
          {t('choose.apply')}
        </button>
        <button type="button" disabled={busy.value !== null} onClick={endChoosing}>
          {t('choose.end')}
        </button>
      </p>
      <div role="status">
        {busy.value && <p class="muted">{busy.value}</p>}
        {outcome.value && <Told outcome={outcome.value} />}
      </div>
    </form>
  );
}

const nameOf = (key: string) => devices.peek().data?.find((one) => one.key === key)?.name ?? key;

/** Changes, reads the list again, and leaves chosen who could not be changed. */
async function perform(
  keys: string[],
  change: BulkChange,
  tell: (done: number) => void,
): Promise<Outcome> {
  try {
    const { changed, failed } = await changeMany(keys, change, tell);
    const named = failed.map((one) => ({ ...one, key: nameOf(one.key) }));
    const failing = new Set(failed.map((one) => one.key));
    const done = keys.filter((key) => !failing.has(key));
    const words = plural('choose.changed', changed, { n: formatCount(changed) });
    if (change.archived && done.length > 0) {
      undoable.value = {
        words: plural('choose.archived', done.length, { n: formatCount(done.length) }),
        undo: () => changeMany(done, { archived: false }, () => undefined),
      };
      chosen.value = failing;
    }
    await loadDevices();
    return { words, failed: named };
  } catch (error) {
    return { words: failureText(error), failed: [] };
  }
}

const failuresShown = 5;

function Told({ outcome: { words, failed } }: { outcome: Outcome }) {
  return (
    <>
      <p>
        {words} {failed.length > 0 && plural('choose.failed', failed.length)}
      </p>
      {failed.length > 0 && (
        <ul class="choosing-failed">
          {failed.slice(0, failuresShown).map((one) => (
            <li key={one.key}>
              <b>{one.key}</b>: {one.detail}
            </li>
          ))}
          {failed.length > failuresShown && (
            <li>{t('choose.failed_more', { n: formatCount(failed.length - failuresShown) })}</li>
          )}
        </ul>
      )}
    </>
  );
}
