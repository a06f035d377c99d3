/** What the last action came to, until it is dismissed. */
import type { Signal } from '@preact/signals';
import { t } from '../i18n/index.ts';

export function Notice({ of }: { of: Signal<string | null> }) {
  return (
    <div role="status">
      {of.value && (
        <p class="notice">
          {of.value}{' '}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              of.value = null;
            }}
          >
            {t('notice.dismiss')}
          </button>
        </p>
      )}
    </div>
  );
}
