/** Which stretch of time, and in which zone: presets, two fields, one choice. */
import { signal, useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { formatCoarse, formatDuration, zoneName } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { presets, type Range } from '../state/range.ts';
import { setQuery } from '../state/url.ts';
import { range, show } from '../state/view.ts';
import type { DatesProps } from './DatesForm.tsx';

export function RangeBar({ firstReading }: { firstReading: number | null }) {
  const current = range.value;
  const age = firstReading === null ? 0 : now.value - firstReading;
  return (
    <div class="range">
      <fieldset class="presets">
        <legend class="sr-only">{t('range.label')}</legend>
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
          {age > 0 ? (
            <>
              <span class="all-word">{t('range.all_word')}</span>
              {formatCoarse(age)}
            </>
          ) : (
            t('range.all')
          )}
        </button>
      </fieldset>
      <Dates current={current} firstReading={firstReading} />
      <ZoneChoice />
    </div>
  );
}

/** The form's code comes when it is first opened. */
const found = signal<ComponentType<DatesProps> | null>(null);

function Dates({ current, firstReading }: { current: Range; firstReading: number | null }) {
  const isOpen = useSignal(false);
  const toggle = async (open: boolean) => {
    isOpen.value = open;
    if (open) found.value ??= (await import('./DatesForm.tsx')).DatesForm;
  };
  const Form = found.value;
  return (
    <details
      class="absolute"
      open={isOpen.value}
      onToggle={(event) => toggle(event.currentTarget.open)}
    >
      <summary aria-current={current.kind === 'fixed' ? 'true' : undefined}>
        {t('range.dates')}
      </summary>
      {Form && isOpen.value && (
        <Form
          firstReading={firstReading}
          close={() => {
            isOpen.value = false;
          }}
        />
      )}
    </details>
  );
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
