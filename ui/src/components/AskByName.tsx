/** Asks for the name of what is to go. Nothing happens until it is typed; the focus returns to the opener. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';
import { TextField } from './Field.tsx';

interface Props {
  title: string;
  name: string;
  act: string;
  children: ComponentChildren;
  perform: () => Promise<void>;
  close: () => void;
}

export function AskByName({ title, name, act, children, perform, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const typed = useSignal('');
  const why = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isBusy.value) return;
    if (typed.value.trim() !== name) {
      why.value = t('ask.wrong', { name });
      return;
    }
    isBusy.value = true;
    try {
      await perform();
    } catch (error) {
      why.value = failureText(error);
    }
    isBusy.value = false;
  };
  return (
    <dialog ref={dialog} class="ask" aria-labelledby={`${id}-title`} onClose={close}>
      <form onSubmit={submit} noValidate>
        <h2 id={`${id}-title`}>{title}</h2>
        {children}
        <TextField
          id={`${id}-name`}
          label={t('ask.type', { name })}
          value={typed.value}
          fault={why.value}
          set={(value) => {
            typed.value = value;
            why.value = null;
          }}
        />
        <p class="form-acts">
          <button type="submit" class="is-final" disabled={isBusy.value}>
            {act}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t('ask.keep')}
          </button>
        </p>
      </form>
    </dialog>
  );
}
