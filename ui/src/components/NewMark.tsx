/** The mark of a device that nobody has named yet, and the button that takes it away. */
import { useSignal } from '@preact/signals';
import { acceptDevice } from '../api/client.ts';
import type { Device } from '../api/types.ts';
import { t } from '../i18n/index.ts';
import { failureText, putDevice } from '../state/fleet.ts';

export function NewMark({ device }: { device: Device }) {
  const why = useSignal<string | null>(null);
  const accept = async () => {
    try {
      putDevice(await acceptDevice(device));
      why.value = null;
    } catch (error) {
      why.value = failureText(error);
    }
  };
  return (
    <p class="new">
      <span class="new-mark">{t('device.new')}</span>
      <button
        type="button"
        onClick={accept}
        aria-label={t('device.accept_label', { name: device.name })}
      >
        {t('device.accept')}
      </button>
      {why.value && <span role="alert">{why.value}</span>}
    </p>
  );
}
