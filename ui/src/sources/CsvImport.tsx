/** A table to bring in: chosen or dropped, looked at, mapped column by column, then sent. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Mapping, Preview } from '../api/imports.ts';
import { beginImport, previewImport } from '../api/imports.ts';
import { formatTime } from '../format/time.ts';
import words from '../i18n/en.import.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { keyOf, mappingOf, sizeWords, type Table, tableOf } from './columns.ts';
import { ImportTable } from './ImportTable.tsx';
import { TableSettings } from './TableSettings.tsx';
import { beginUpload, endUpload } from './upload.ts';
import '../styles/import.css';

addWords(words);

interface Props {
  /** Reads the list of imports again. */
  changed: () => void;
  close: () => void;
}

interface Looked {
  file: File;
  table: Table;
  preview: Preview;
}

/** So long after the last change of the mapping it is tried. */
const restMs = 300;

export function CsvImport({ changed, close }: Props) {
  const looked = useSignal<Looked | null>(null);
  const why = useSignal<string | null>(null);
  const isSending = useSignal(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const turn = useRef(0);

  const take = async (file: File) => {
    why.value = null;
    try {
      const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const preview = await previewImport(file, null);
      looked.value = { file, preview, table: tableOf(preview, here, keyOf(file.name)) };
      void look();
    } catch (error) {
      why.value = failureText(error);
    }
  };
  const mapping = () => (looked.value ? mappingOf(looked.value.table) : null);
  /** What the mapping as it is now makes of the first rows. */
  const look = async () => {
    const now = looked.value;
    const made = mapping();
    if (!now || !made || !('mapping' in made)) return;
    turn.current += 1;
    const mine = turn.current;
    try {
      const preview = await previewImport(now.file, made.mapping);
      if (mine !== turn.current || !looked.value) return;
      looked.value = { ...looked.value, preview };
      why.value = null;
    } catch (error) {
      if (mine === turn.current) why.value = failureText(error);
    }
  };
  const change = (table: Table) => {
    if (!looked.value) return;
    looked.value = { ...looked.value, table };
    clearTimeout(timer.current);
    timer.current = setTimeout(look, restMs);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const send = async (file: File, made: Mapping) => {
    isSending.value = true;
    const signal = beginUpload();
    const sending = beginImport(file, made, signal);
    setTimeout(changed, restMs);
    try {
      await sending;
      looked.value = null;
    } catch (error) {
      // Who stopped it knows; the mapping stays for another try.
      why.value = signal.aborted ? null : failureText(error);
    }
    endUpload();
    isSending.value = false;
    changed();
  };
  const now = looked.value;
  return (
    <section class="form import" aria-labelledby="import-title">
      <h2 id="import-title">{t('import.title')}</h2>
      {!now && <Drop take={take} />}
      {now && (
        <Mapped
          looked={now}
          isSending={isSending.value}
          change={change}
          send={send}
          again={() => {
            looked.value = null;
          }}
          close={close}
        />
      )}
      {why.value && (
        <p class="form-fault" role="alert">
          {why.value}
        </p>
      )}
      {!now && (
        <p>
          <button type="button" onClick={close}>
            {t('dialog.close')}
          </button>
        </p>
      )}
    </section>
  );
}

function Drop({ take }: { take: (file: File) => void }) {
  const isOver = useSignal(false);
  const id = useId();
  return (
    // Dropping is a short cut: the button below does the same.
    <div
      class={isOver.value ? 'drop is-over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        const file = event.dataTransfer?.files[0];
        if (file) take(file);
      }}
    >
      <label for={id}>{t('import.choose')}</label>
      <input
        id={id}
        type="file"
        accept=".csv,.tsv,.txt,text/csv,text/plain"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) take(file);
        }}
      />
      <p class="form-hint">{t('import.drop')}</p>
    </div>
  );
}

interface MappedProps {
  looked: Looked;
  isSending: boolean;
  change: (table: Table) => void;
  send: (file: File, mapping: Mapping) => void;
  again: () => void;
  close: () => void;
}

function Mapped({ looked, isSending, change, send, again, close }: MappedProps) {
  const { file, table, preview } = looked;
  const made = mappingOf(table);
  return (
    <>
      <p>
        <b>{file.name}</b> <span class="muted">{sizeWords(file.size)}</span>{' '}
        <button type="button" class="quiet" onClick={again} disabled={isSending}>
          {t('import.other')}
        </button>
      </p>
      <TableSettings table={table} change={change} />
      <ImportTable table={table} preview={preview} change={change} />
      {'fault' in made ? (
        <p class="form-fault" role="status">
          {t(`import.fault_${made.fault}`)}
        </p>
      ) : (
        <Outcome preview={preview} />
      )}
      <p class="form-acts">
        <button
          type="button"
          class="is-first"
          disabled={isSending || 'fault' in made}
          onClick={() => 'mapping' in made && send(file, made.mapping)}
        >
          {t('import.begin')}
        </button>
        <button type="button" onClick={close}>
          {t('dialog.close')}
        </button>
        <span role="status" class="muted">
          {isSending ? t('import.sending') : ''}
        </span>
      </p>
    </>
  );
}

const told = 3;
const toldValues = 6;

const whenWords = (time: number) =>
  `${formatTime(time, 'full', zone.value)} ${formatTime(time, 'year', zone.value)}`;

/** What the first rows would become, and what of them would not be stored. */
function Outcome({ preview }: { preview: Preview }) {
  const devices = [...new Set(preview.readings.map((reading) => reading.device))];
  const [first] = preview.readings;
  // One row has one device and one time.
  const row = preview.readings.filter(({ device, t }) => device === first?.device && t === first.t);
  const values = row.map(
    ({ metric, v, unit }) => `${metric} = ${v ?? '–'}${unit ? ` ${unit}` : ''}`,
  );
  return (
    <div role="status">
      {first && (
        <p>
          {t('import.becomes', {
            values: values.slice(0, toldValues).join(', '),
            more: values.length > toldValues ? '…' : '',
            device: first.device,
            time: typeof first.t === 'number' ? whenWords(first.t) : '–',
          })}{' '}
          {devices.length > 1 &&
            t('import.devices', {
              n: devices.length,
              names: `${devices.slice(0, told).join(', ')}${devices.length > told ? '…' : ''}`,
            })}
        </p>
      )}
      {preview.errors.length > 0 && (
        <p>{plural('import.not_stored', preview.errors.length, { n: preview.errors.length })}</p>
      )}
      {preview.errors.slice(0, told).map((error) => (
        <p key={`${error.row}${error.detail}`} class="muted">
          {t('import.row', { row: error.row })} {error.detail}
        </p>
      ))}
      {preview.problems.map((problem) => (
        <p key={problem} class="muted">
          {problem}
        </p>
      ))}
    </div>
  );
}
