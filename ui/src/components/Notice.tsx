/** What the last action came to, until it is dismissed: in sight wherever the page is scrolled to. */
import type { Signal } from '@preact/signals';
import { t } from '../i18n/index.ts';

/** The focus goes to what was told, where that which held it is gone. Waits until the page is drawn. */
export function focusNotice(): void {
  requestAnimationFrame(() => {
    if (document.activeElement && document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>('.told .notice')?.focus({ preventScroll: true });
  });
}

export function Notice({ of }: { of: Signal<string | null> }) {
  return (
    <div role="status" class="told">
      {of.value && (
        <p class="notice" tabIndex={-1}>
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
