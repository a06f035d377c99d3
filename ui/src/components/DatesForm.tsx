/** A range by two clock readings, in the zone on screen. */
import { useSignal } from '@preact/signals';
import { toInputValue } from '../format/time.ts';
import { instantOf, offsetAt, type Zone } from '../format/zone.ts';
import words from '../i18n/en.dates.json';
import { addWords, t } from '../i18n/index.ts';
import { serverNow } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { spanOf } from '../state/range.ts';
import { range, show } from '../state/view.ts';

addWords(words);

export interface DatesProps {
  firstReading: number | null;
  close: () => void;
}

export function DatesForm({ firstReading, close }: DatesProps) {
  const fields = useSignal(nowShown(firstReading));
  const from = readField(fields.value.from, zone.value);
  const to = readField(fields.value.to, zone.value);
  const isWrong = from === null || to === null || to <= from;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isWrong) return;
    show({ kind: 'fixed', from, to });
    close();
  };
  return (
    <form onSubmit={submit}>
      <Field
        id="range-from"
        label={t('range.from')}
        value={fields.value.from}
        set={(value) => {
          fields.value = { ...fields.value, from: value };
        }}
      />
      <Field
        id="range-to"
        label={t('range.to')}
        value={fields.value.to}
        set={(value) => {
          fields.value = { ...fields.value, to: value };
        }}
      />
      <p id="range-wrong" class="field-error" role="status">
        {isWrong ? t('range.wrong') : ''}
      </p>
      <button type="submit">{t('range.show')}</button>
    </form>
  );
}

/** The form opens with what is on screen. */
function nowShown(firstReading: number | null): { from: string; to: string } {
  const span = spanOf(range.peek(), serverNow(), firstReading);
  const write = (time: number) => toInputValue(time, offsetAt(time, zone.peek()));
  return { from: write(span.from), to: write(span.to) };
}

interface FieldProps {
  id: string;
  label: string;
  value: string;
  set: (value: string) => void;
}

function Field({ id, label, value, set }: FieldProps) {
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="datetime-local"
        step="1"
        value={value}
        aria-describedby="range-wrong"
        onInput={(event) => set(event.currentTarget.value)}
      />
    </p>
  );
}

/** The instant that a field names in the zone on screen. */
export function readField(value: string | undefined, inZone: Zone): number | null {
  const local = Date.parse(`${value ?? ''}Z`);
  return Number.isFinite(local) ? instantOf(local, inZone) : null;
}
