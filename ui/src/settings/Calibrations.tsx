/** The calibrations of a metric: a dated list. What was sent stays; every one can be taken back. */

import { useSignal } from '@preact/signals';
import type { Calibration, CalibrationList } from '../api/settings.ts';
import { getCalibrations, putCalibrations } from '../api/settings.ts';
import type { Device, Metric } from '../api/types.ts';
import { readField } from '../components/DatesForm.tsx';
import { TextField } from '../components/Field.tsx';
import { formatNumber } from '../format/number.ts';
import { formatTime } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { latest } from '../state/fleet.ts';
import { usePoll } from '../state/poll.ts';
import { zone } from '../state/prefs.ts';
import {
  apply,
  freshLine,
  type LineDraft,
  lineWords,
  readLine,
  sentOf,
  withOne,
} from './calibration.ts';
import { Told } from './Section.tsx';
import { type Saving, useSaving } from './save.ts';

interface Props {
  device: Device;
  metric: Metric;
}

const pollMs = 30_000;

export function Calibrations({ device, metric }: Props) {
  const subject = `${device.key}/${metric.name}@${device.version}`;
  const list = usePoll(subject, () => getCalibrations(device.key, metric.name), pollMs);
  const saving = useSaving();
  const put = (items: Calibration[], known: CalibrationList) =>
    saving.save(async () => {
      await putCalibrations(device.key, metric.name, known.version, items);
      return null;
    });
  const known = list.data;
  return (
    <div class="form calibrations">
      <h3>{t('cal.title')}</h3>
      {list.failure && <p class="form-fault">{list.failure}</p>}
      {known?.items.length === 0 && <p class="muted">{t('cal.none')}</p>}
      {known && known.items.length > 0 && (
        <ul class="setting-list">
          {known.items.map((one) => (
            <li key={one.from ?? 'first'}>
              <span>
                {lineWords(one, (value) => formatNumber(value))} {ownUnit(metric)}{' '}
                <span class="muted">
                  {since(one)}
                  {one.note && ` · ${one.note}`}
                </span>
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={t('cal.drop_label', { since: since(one) })}
                onClick={() =>
                  put(
                    known.items.filter((other) => other !== one),
                    known,
                  )
                }
              >
                {t('set.drop')}
              </button>
            </li>
          ))}
        </ul>
      )}
      {known && (
        <LineForm
          metric={metric}
          device={device}
          saving={saving}
          put={(one) => put(withOne(known.items, one), known)}
        />
      )}
    </div>
  );
}

/** Calibrations are in the unit that the device sends. */
const ownUnit = (metric: Metric) => metric.own_unit ?? metric.unit ?? '';

function since(one: Calibration): string {
  return typeof one.from === 'number'
    ? t('cal.since', {
        time: `${formatTime(one.from, 'full', zone.value)} ${formatTime(one.from, 'year', zone.value)}`,
      })
    : t('cal.always');
}

interface FormProps extends Props {
  saving: Saving;
  put: (one: Calibration) => Promise<boolean>;
}

function LineForm({ device, metric, saving, put }: FormProps) {
  const draft = useSignal<LineDraft>(freshLine);
  const isAsked = useSignal(false);
  const read = readLine(draft.value);
  const from = draft.value.from === '' ? null : readField(draft.value.from, zone.value);
  const isTimeWrong = draft.value.from !== '' && from === null;
  const set = (change: Partial<LineDraft>) => {
    draft.value = { ...draft.value, ...change };
    isAsked.value = false;
    saving.forget();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    isAsked.value = true;
    if (!('line' in read) || isTimeWrong) return;
    const one = { ...read.line, from, note: draft.value.note.trim() || null, points: read.points };
    if (await put(one)) {
      draft.value = { ...freshLine, mode: draft.value.mode };
      isAsked.value = false;
    }
  };
  const id = `cal-${metric.name}`;
  const fault = isAsked.value && 'fault' in read ? t(`cal.fault_${read.fault}`) : null;
  return (
    <form onSubmit={submit} noValidate>
      <fieldset class="form-choice">
        <legend class="sr-only">{t('cal.how')}</legend>
        {(['offset', 'pairs'] as const).map((mode) => (
          <label key={mode}>
            <input
              type="radio"
              name={`${id}-mode`}
              checked={draft.value.mode === mode}
              onChange={() => set({ mode })}
            />
            {t(`cal.by_${mode}`)}
          </label>
        ))}
      </fieldset>
      <div class="form-fields">
        {draft.value.mode === 'offset' ? (
          <>
            <TextField
              id={`${id}-offset`}
              label={t('cal.offset', { unit: ownUnit(metric) || t('unit.none') })}
              fault={fault}
              value={draft.value.offset}
              input={{ inputMode: 'decimal' }}
              set={(offset) => set({ offset })}
            />
            <TextField
              id={`${id}-scale`}
              label={t('cal.scale')}
              value={draft.value.scale}
              input={{ inputMode: 'decimal' }}
              set={(scale) => set({ scale })}
            />
          </>
        ) : (
          <PairFields id={id} draft={draft.value} fault={fault} set={set} />
        )}
        <TextField
          id={`${id}-from`}
          label={t('cal.from')}
          hint={t('cal.from_hint')}
          fault={isTimeWrong ? t('set.time_wrong') : null}
          value={draft.value.from}
          input={{ type: 'datetime-local', step: '1' }}
          set={(value) => set({ from: value })}
        />
        <TextField
          id={`${id}-note`}
          label={t('set.note')}
          value={draft.value.note}
          set={(note) => set({ note })}
        />
      </div>
      <Preview device={device} metric={metric} read={read} />
      <p class="form-acts">
        <button type="submit" class="is-first" disabled={saving.isBusy}>
          {t('cal.add')}
        </button>
        <Told saving={saving} />
      </p>
    </form>
  );
}

interface PairProps {
  id: string;
  draft: LineDraft;
  fault: string | null;
  set: (change: Partial<LineDraft>) => void;
}

function PairFields({ id, draft, fault, set }: PairProps) {
  const [first, second] = draft.pairs;
  const cell = (row: 0 | 1, column: 0 | 1) => {
    const [sent, known] = draft.pairs[row];
    return (
      <TextField
        id={`${id}-${row}${column}`}
        label={t(column === 0 ? 'cal.sent' : 'cal.true', { n: row + 1 })}
        fault={row === 1 && column === 1 ? fault : null}
        value={column === 0 ? sent : known}
        input={{ inputMode: 'decimal' }}
        set={(value) => {
          const changed: [string, string] = column === 0 ? [value, known] : [sent, value];
          set({ pairs: row === 0 ? [changed, second] : [first, changed] });
        }}
      />
    );
  };
  return (
    <div class="cal-pairs">
      {cell(0, 0)}
      {cell(0, 1)}
      {cell(1, 0)}
      {cell(1, 1)}
    </div>
  );
}

interface PreviewProps extends Props {
  read: ReturnType<typeof readLine>;
}

/** The newest value as it was sent, and as it would be shown. */
function Preview({ device, metric, read }: PreviewProps) {
  const newest = latest.value.get(`${device.key}/${metric.name}`)?.v;
  if (typeof newest !== 'number' || !('line' in read)) return null;
  // Back through the unit that is shown and the calibration that holds.
  const sent = sentOf(metric.calibration, sentOf(metric.conversion, newest));
  const unit = ownUnit(metric) && ` ${ownUnit(metric)}`;
  return (
    <p class="muted">
      {t('cal.preview', {
        sent: `${formatNumber(sent)}${unit}`,
        shown: `${formatNumber(apply(read.line, sent))}${unit}`,
      })}
    </p>
  );
}
