/** The dialog that a rule is edited in. Its code comes when it is first opened. */
import { signal, useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useRef } from 'preact/hooks';
import { Failure } from '../components/Failure.tsx';
import { t } from '../i18n/index.ts';
import { type Editing, editing } from './editing.ts';

export interface EditorProps {
  of: Editing;
  close: () => void;
  /** Says whether something would be lost by closing now. */
  setUnsaved: (unsaved: boolean) => void;
}

const found = signal<ComponentType<EditorProps> | 'failed' | null>(null);

async function find(): Promise<void> {
  try {
    found.value = (await import('./RuleEditor.tsx')).RuleEditor;
  } catch {
    found.value = 'failed';
  }
}

export function RuleDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isUnsaved = useRef(false);
  useSignalEffect(() => {
    if (!editing.value) return;
    if (typeof found.peek() !== 'function') void find();
    isUnsaved.current = false;
    dialog.current?.showModal();
  });
  const close = () => dialog.current?.close();
  const Editor = found.value;
  const of = editing.value;
  return (
    <dialog
      ref={dialog}
      class="rule-dialog"
      aria-labelledby="rule-title"
      onCancel={(event) => {
        if (isUnsaved.current) {
          event.preventDefault();
          dialog.current?.dispatchEvent(new Event('unsaved'));
        }
      }}
      onClose={() => {
        editing.value = null;
      }}
    >
      {Editor === 'failed' && <Failure what={t('failure.page')} why="" again={() => void find()} />}
      {of && typeof Editor === 'function' && (
        <Editor
          of={of}
          close={close}
          setUnsaved={(unsaved) => {
            isUnsaved.current = unsaved;
          }}
        />
      )}
    </dialog>
  );
}
