/** Imports since the server started: how far each is, and what of it was not stored. */
import { useSignal } from '@preact/signals';
import type { Import, ImportedDevice } from '../api/imports.ts';
import { endImport } from '../api/imports.ts';
import { formatCount } from '../format/number.ts';
import { formatAge, formatTime } from '../format/time.ts';
import words from '../i18n/en.import.json';
import { addWords, plural, t, word } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { failureText } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { devicePath, withKept } from '../state/url.ts';
import { shareOf, sizeWords } from './columns.ts';
import { abortUpload } from './upload.ts';
import '../styles/import.css';

addWords(words);

interface Props {
  imports: readonly Import[];
  changed: () => void;
}

export function Imports({ imports, changed }: Props) {
  if (imports.length === 0) return null;
  return (
    <ul class="imports" aria-label={t('import.list')}>
      {imports.map((one) => (
        <OneImport key={one.id} one={one} changed={changed} />
      ))}
    </ul>
  );
}

function OneImport({ one, changed }: { one: Import; changed: () => void }) {
  const why = useSignal<string | null>(null);
  const isRunning = one.state === 'running';
  const end = async () => {
    try {
      await endImport(one.id);
      if (isRunning) abortUpload();
    } catch (error) {
      why.value = failureText(error);
    }
    changed();
  };
  const name = one.name ?? t('import.nameless');
  return (
    <li class="one-import">
      <div>
        <p>
          <b>{name}</b> {t(`import.is_${one.state}`)}{' '}
          <span class="muted">{formatAge(now.value - (one.ended ?? one.started))}</span>
        </p>
        {isRunning && <Progress one={one} name={name} />}
        <p class="muted">{countsOf(one)}</p>
        {!isRunning && <Devices of={one.devices ?? []} />}
        {one.detail && <p class="way-fault">{one.detail}</p>}
        <Errors one={one} />
        {why.value && (
          <p class="form-fault" role="alert">
            {why.value}
          </p>
        )}
      </div>
      <button type="button" aria-label={`${t(endWord(isRunning))} ${name}`} onClick={end}>
        {t(endWord(isRunning))}
      </button>
    </li>
  );
}

const endWord = (isRunning: boolean) => (isRunning ? 'import.cancel' : 'import.forget');

function Progress({ one, name }: { one: Import; name: string }) {
  const share = shareOf(one.bytes, one.bytes_total);
  const total = one.bytes_total;
  return (
    <p class="import-progress">
      <progress
        aria-label={t('import.progress', { name })}
        max={1}
        {...(share !== null && { value: share })}
      />
      <span class="muted">
        {sizeWords(one.bytes)}
        {typeof total === 'number' && ` / ${sizeWords(total)}`}
      </span>
    </p>
  );
}

function countsOf(one: Import): string {
  const fates = ['stored', 'duplicate', 'replaced', 'unsettled'] as const;
  const told = fates.flatMap((fate) =>
    one[fate] > 0 || (fate === 'stored' && one.upserted === 0)
      ? [`${t(`books.${fate}`)} ${formatCount(one[fate])}`]
      : [],
  );
  if (one.upserted > 0) told.unshift(`${t('import.upserted')} ${formatCount(one.upserted)}`);
  const refused = Object.entries(one.rejected).map(
    ([reason, count]) => `${word('reason', reason)} ${formatCount(count)}`,
  );
  return [plural('import.rows', one.rows, { n: formatCount(one.rows) }), ...told, ...refused].join(
    ' · ',
  );
}

/** As many as the server tells. */
const devicesMost = 20;

/** The way to what was brought in, at its own time. */
function Devices({ of }: { of: ImportedDevice[] }) {
  if (of.length === 0) return null;
  return (
    <>
      <ul class="import-devices">
        {of.map((one) => (
          <li key={one.key}>
            <a href={withKept(`${devicePath(one.key)}&${aroundOf(one)}`)}>
              {t('import.open', { device: one.key, when: whenOf(one) })}
            </a>
          </li>
        ))}
      </ul>
      {of.length === devicesMost && (
        <p class="muted">{t('import.open_more', { n: devicesMost })}</p>
      )}
    </>
  );
}

/** The range of its rows with some air at both ends. */
function aroundOf({ first, last }: ImportedDevice): URLSearchParams {
  const air = Math.max(60_000, Math.round((last - first) / 50));
  return new URLSearchParams({ from: String(first - air), to: String(last + air) });
}

/** A day, a month, or from one to another. */
function whenOf({ first, last }: ImportedDevice): string {
  const name = (time: number, style: 'date' | 'month') =>
    `${formatTime(time, style, zone.value)} ${formatTime(time, 'year', zone.value)}`;
  if (name(first, 'date') === name(last, 'date')) return name(first, 'date');
  const [from, to] = [name(first, 'month'), name(last, 'month')];
  return from === to ? from : `${from} – ${to}`;
}

function Errors({ one }: { one: Import }) {
  if (one.errors.length === 0) return null;
  const all = Object.values(one.rejected).reduce((sum, count) => sum + count, 0);
  const count = Math.max(all, one.errors.length);
  return (
    <details class="import-errors">
      <summary>{plural('import.errors', count, { n: formatCount(count) })}</summary>
      <ul>
        {one.errors.map((error) => (
          <li key={`${error.row}${error.detail}`}>
            {t('import.row', { row: error.row })} {error.detail}
          </li>
        ))}
      </ul>
      {count > one.errors.length && (
        <p class="muted">{t('import.errors_shown', { n: one.errors.length })}</p>
      )}
    </details>
  );
}
