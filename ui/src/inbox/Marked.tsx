/** What is done with all new devices that are marked, and taken back. */
import { useSignal } from '@preact/signals';
import type { Device } from '../api/types.ts';
import { focusNotice } from '../components/Notice.tsx';
import { formatCount } from '../format/number.ts';
import words from '../i18n/en.marked.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { notice } from '../rules/editing.ts';
import { failureText, loadDevices } from '../state/fleet.ts';
import { acceptMany, type Decided, hearManyAgain, ignoreMany } from './deciding.ts';

addWords(words);

function leftWords(failed: Decided['failed']): string | null {
  const [first] = failed;
  if (!first) return null;
  return plural('inbox.undecided', failed.length, { key: first.key, detail: first.detail });
}

/** Tells what became of the marked ones, and offers the way back for those that changed. */
function tell(
  words: 'inbox.accepted' | 'inbox.ignored',
  { done, failed }: Decided,
  back: (keys: readonly string[]) => Promise<Decided>,
): void {
  const left = leftWords(failed);
  if (done.length === 0) {
    notice.value = left;
    return;
  }
  const count = plural(words, done.length, { n: formatCount(done.length) });
  const undo = async () => {
    const { failed: kept } = await back(done);
    await loadDevices();
    if (kept.length > 0) notice.value = leftWords(kept);
  };
  notice.value = { sentence: left ? `${count} ${left}` : count, undo };
}

interface MarkedProps {
  list: readonly Device[];
  marked: readonly string[];
  mark: (keys: readonly string[], isOn: boolean) => void;
}

export function Marked({ list, marked, mark }: MarkedProps) {
  const isBusy = useSignal(false);
  const n = marked.length;
  const decide = async (act: 'accept' | 'ignore') => {
    isBusy.value = true;
    try {
      const decided = await (act === 'accept' ? acceptMany(marked, true) : ignoreMany(marked));
      if (act === 'accept') tell('inbox.accepted', decided, (keys) => acceptMany(keys, false));
      else tell('inbox.ignored', decided, hearManyAgain);
      mark(decided.done, false);
    } catch (error) {
      notice.value = failureText(error);
    }
    await loadDevices();
    isBusy.value = false;
    focusNotice();
  };
  return (
    <div class="actions marked">
      <label class="check">
        <input
          type="checkbox"
          checked={n === list.length}
          indeterminate={n > 0 && n < list.length}
          onChange={(event) =>
            mark(
              list.map((one) => one.key),
              event.currentTarget.checked,
            )
          }
        />
        {t('inbox.mark_all')}
      </label>
      {(['accept', 'ignore'] as const).map((act) => (
        <button
          key={act}
          type="button"
          disabled={n === 0 || isBusy.value}
          onClick={() => void decide(act)}
        >
          {n > 0
            ? t('inbox.act_on', { act: t(`inbox.${act}`), n: formatCount(n) })
            : t(`inbox.${act}`)}
        </button>
      ))}
      <span role="status" class="muted">
        {n > 0 && `${plural('inbox.marked', n, { n: formatCount(n) })}. ${t('inbox.ignore_why')}`}
      </span>
    </div>
  );
}
