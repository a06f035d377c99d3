/** What the last action came to, until it is dismissed: in sight wherever the page is scrolled to. */
import { type Signal, useSignal } from '@preact/signals';
import { t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';

/** A sentence, and what takes the action back where that can be done. */
export type Told = string | { sentence: string; undo: () => Promise<unknown> };

/** The focus goes to what was told, where that which held it is gone. Waits until the page is drawn. */
export function focusNotice(): void {
  requestAnimationFrame(() => {
    const { activeElement } = document;
    const isHeld = activeElement !== document.body && !activeElement?.matches(':disabled');
    if (activeElement && isHeld) return;
    document.querySelector<HTMLElement>('.told .notice')?.focus({ preventScroll: true });
  });
}

export function Notice({ of }: { of: Signal<Told | null> }) {
  const isBusy = useSignal(false);
  const told = of.value;
  const undo = async (back: () => Promise<unknown>) => {
    isBusy.value = true;
    try {
      await back();
      // What takes it back may have told something itself.
      if (of.peek() === told) of.value = null;
    } catch (error) {
      of.value = failureText(error);
    }
    isBusy.value = false;
  };
  return (
    <div role="status" class="told">
      {told && (
        <p class="notice" tabIndex={-1}>
          {typeof told === 'string' ? told : told.sentence}{' '}
          {typeof told !== 'string' && (
            <button type="button" disabled={isBusy.value} onClick={() => void undo(told.undo)}>
              {t('notice.undo')}
            </button>
          )}
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
