/** What was just done, and the button that takes it back. It stays until it is used or dismissed. */
import { useSignal } from '@preact/signals';
import { t } from '../i18n/index.ts';
import { failureText, loadDevices } from '../state/fleet.ts';
import { undoable } from '../state/undo.ts';
import '../styles/lists.css';

export function UndoNotice() {
  const why = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const done = undoable.value;
  const dismiss = () => {
    undoable.value = null;
    why.value = null;
  };
  const undo = async () => {
    isBusy.value = true;
    try {
      await done?.undo();
      dismiss();
      await loadDevices();
    } catch (error) {
      why.value = failureText(error);
    }
    isBusy.value = false;
  };
  return (
    <div role="status">
      {done && (
        <p class="notice">
          {done.words}{' '}
          <button type="button" disabled={isBusy.value} onClick={undo}>
            {t('undo')}
          </button>
          <button type="button" class="quiet" onClick={dismiss}>
            {t('undo.dismiss')}
          </button>
          {why.value && (
            <span role="alert" class="form-fault">
              {why.value}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
