/** Which stretch of time, and in which zone: presets, two fields, one choice. */
import { useSignal } from '@preact/signals';
import { formatDuration, toInputValue, zoneName } from '../format/time.ts';
import { instantOf, offsetAt, type Zone } from '../format/zone.ts';
import { t } from '../i18n/index.ts';
import { now, serverNow } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { presets, type Range, spanOf } from '../state/range.ts';
import { setQuery } from '../state/url.ts';
import { range, show } from '../state/view.ts';

export function RangeBar({ firstReading }: { firstReading: number | null }) {
  const current = range.value;
  const age = firstReading === null ? 0 : now.value - firstReading;
  return (
    <div class="range">
      <div class="presets" role="group" aria-label={t('range.label')}>
        {presets.map((preset) => (
          <button
            key={preset.id}
            type="button"
            class={preset.ms > age * 1.5 && preset.ms > 3_600_000 ? 'is-beyond' : ''}
            aria-pressed={current.kind === 'last' && current.ms === preset.ms}
            aria-label={t('range.preset', { name: preset.id, duration: formatDuration(preset.ms) })}
            onClick={() => show({ kind: 'last', ms: preset.ms })}
          >
            {preset.id}
          </button>
        ))}
        <button
          type="button"
          aria-pressed={current.kind === 'all'}
          onClick={() => show({ kind: 'all' })}
        >
          {age > 0 ? t('range.all_of', { duration: formatDuration(age) }) : t('range.all')}
        </button>
      </div>
      <Absolute current={current} firstReading={firstReading} />
      <ZoneChoice />
    </div>
  );
}

function Absolute({ current, firstReading }: { current: Range; firstReading: number | null }) {
  const fields = useSignal<{ from: string; to: string } | null>(null);
  const fill = (open: boolean) => {
    if (!open) return;
    const span = spanOf(range.peek(), serverNow(), firstReading);
    const write = (time: number) => toInputValue(time, offsetAt(time, zone.value));
    fields.value = { from: write(span.from), to: write(span.to) };
  };
  const from = readField(fields.value?.from, zone.value);
  const to = readField(fields.value?.to, zone.value);
  const isWrong = fields.value !== null && (from === null || to === null || to <= from);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isWrong || from === null || to === null) return;
    show({ kind: 'fixed', from, to });
    if (event.currentTarget instanceof HTMLElement)
      event.currentTarget.closest('details')?.removeAttribute('open');
  };
  return (
    <details class="absolute" onToggle={(event) => fill(event.currentTarget.open)}>
      <summary aria-current={current.kind === 'fixed' ? 'true' : undefined}>
        {t('range.dates')}
      </summary>
      <form onSubmit={submit}>
        <Field
          id="range-from"
          label={t('range.from')}
          value={fields.value?.from ?? ''}
          set={(value) => {
            fields.value = { from: value, to: fields.value?.to ?? '' };
          }}
        />
        <Field
          id="range-to"
          label={t('range.to')}
          value={fields.value?.to ?? ''}
          set={(value) => {
            fields.value = { from: fields.value?.from ?? '', to: value };
          }}
        />
        <p id="range-wrong" class="field-error" role="status">
          {isWrong ? t('range.wrong') : ''}
        </p>
        <button type="submit">{t('range.show')}</button>
      </form>
    </details>
  );
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

function ZoneChoice() {
  return (
    <label class="zone">
      <span class="sr-only">{t('zone.label')}</span>
      <select
        value={zone.value}
        onChange={(event) =>
          setQuery({ zone: event.currentTarget.value === 'utc' ? 'utc' : null }, 'replace')
        }
      >
        <option value="browser">{t('zone.browser', { name: zoneName('browser') })}</option>
        <option value="utc">UTC</option>
      </select>
    </label>
  );
}
