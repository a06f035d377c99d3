/** Dates on which the hardware was replaced; the history goes on across them. */

import { useSignal } from '@preact/signals';
import { forgetHardware, markHardware } from '../api/settings.ts';
import type { Device } from '../api/types.ts';
import { readField } from '../components/DatesForm.tsx';
import { TextField } from '../components/Field.tsx';
import { formatTime, toInputValue } from '../format/time.ts';
import { offsetAt } from '../format/zone.ts';
import { t } from '../i18n/index.ts';
import { serverNow } from '../state/clock.ts';
import { zone } from '../state/prefs.ts';
import { Section, Told } from './Section.tsx';
import { useSaving } from './save.ts';

export function Hardware({ device }: { device: Device }) {
  const saving = useSaving();
  const nowText = () => toInputValue(serverNow(), offsetAt(serverNow(), zone.peek()));
  const at = useSignal(nowText());
  const note = useSignal('');
  const marks = [...(device.hardware ?? [])].reverse();
  const time = readField(at.value, zone.value);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (time === null) return;
    const told = note.value.trim();
    const done = await saving.save(() =>
      markHardware(device, { at: time, ...(told && { note: told }) }),
    );
    if (done) note.value = '';
  };
  return (
    <Section title={t('set.hardware')} why={t('set.hardware_why')}>
      {marks.length > 0 && (
        <ul class="setting-list">
          {marks.map((mark) => (
            <li key={mark.at}>
              <span>
                <time dateTime={new Date(mark.at).toISOString()}>
                  {formatTime(mark.at, 'full', zone.value)}{' '}
                  {formatTime(mark.at, 'year', zone.value)}
                </time>
                {mark.note && <span class="muted"> {mark.note}</span>}
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={t('set.hardware_drop_label', {
                  time: formatTime(mark.at, 'full', zone.value),
                })}
                onClick={() => saving.save(() => forgetHardware(device, mark.at))}
              >
                {t('set.drop')}
              </button>
            </li>
          ))}
        </ul>
      )}
      <form class="form" onSubmit={submit}>
        <div class="form-fields">
          <TextField
            id="hardware-at"
            label={t('set.hardware_at')}
            value={at.value}
            fault={time === null ? t('set.time_wrong') : null}
            input={{ type: 'datetime-local', step: '1' }}
            set={(value) => {
              at.value = value;
              saving.forget();
            }}
          />
          <TextField
            id="hardware-note"
            label={t('set.note')}
            value={note.value}
            set={(value) => {
              note.value = value;
              saving.forget();
            }}
          />
        </div>
        <p class="form-acts">
          <button type="submit" disabled={saving.isBusy || time === null}>
            {t('set.hardware_mark')}
          </button>
          <Told saving={saving} />
        </p>
      </form>
    </Section>
  );
}
