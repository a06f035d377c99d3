/** The books under every page; a click opens them by source. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';
import { messageEquation } from '../state/books.ts';
import { loadBooks, totalBook } from '../state/fleet.ts';
import { EquationLine } from './EquationLine.tsx';

/** The dialog's code comes with the first click. */
const found = signal<ComponentType<{ close: () => void }> | null>(null);

export function BooksStrip() {
  const dialog = useRef<HTMLDialogElement>(null);
  const total = totalBook.value;
  const open = async () => {
    void loadBooks();
    found.value ??= (await import('./BooksDialog.tsx')).BooksDialog;
    dialog.current?.showModal();
  };
  const Dialog = found.value;
  return (
    <footer class="books">
      {total ? (
        <button type="button" class="books-line" onClick={open}>
          <EquationLine equation={messageEquation(total)} left={t('books.received')} />
          <span class="sr-only">{t('books.open')}</span>
        </button>
      ) : (
        <span class="books-line">{t('books.waiting')}</span>
      )}
      <dialog ref={dialog} class="books-dialog" aria-labelledby="books-title">
        {Dialog && <Dialog close={() => dialog.current?.close()} />}
      </dialog>
    </footer>
  );
}
