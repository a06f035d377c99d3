/** The books by source, with the reasons behind each sum. */
import type { Book } from '../api/types.ts';
import { formatCount } from '../format/number.ts';
import words from '../i18n/en.books.json';
import { addWords, sourceName, t, word } from '../i18n/index.ts';
import { messageEquation, readingEquation } from '../state/books.ts';
import { books, loadBooks } from '../state/fleet.ts';
import { EquationLine } from './EquationLine.tsx';
import { Failure } from './Failure.tsx';

addWords(words);

export function BooksDialog({ close }: { close: () => void }) {
  const { data, failure } = books.value;
  return (
    <>
      <header>
        <h2 id="books-title">{t('books.title')}</h2>
        <button type="button" onClick={close}>
          {t('dialog.close')}
        </button>
      </header>
      <p class="muted">{t(data?.balanced === false ? 'books.unbalanced' : 'books.balanced')}</p>
      {failure && <Failure what={t('books.failed')} why={failure} again={loadBooks} />}
      {data?.sources.map((source) => (
        <SourceBook key={source.source} title={sourceName(source.source)} book={source} />
      ))}
      {data && <SourceBook title={t('books.total')} book={data.total} />}
    </>
  );
}

function SourceBook({ title, book }: { title: string; book: Book }) {
  const reasons = [
    ...Object.entries(book.messages.rejected),
    ...Object.entries(book.messages.no_reading),
    ...Object.entries(book.readings.rejected),
  ];
  return (
    <section class="source-book">
      <h3>{title}</h3>
      <p>
        <EquationLine equation={messageEquation(book)} left={t('books.messages')} />
      </p>
      <p>
        <EquationLine equation={readingEquation(book)} left={t('books.readings')} />
      </p>
      {reasons.length > 0 && (
        <p class="muted">
          {reasons
            .map(([reason, count]) => `${word('reason', reason)} ${formatCount(count)}`)
            .join(' · ')}
        </p>
      )}
    </section>
  );
}
