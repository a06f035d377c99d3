/** One line of the books: what came in, and what became of it. */
import { formatCount } from '../format/number.ts';
import { t } from '../i18n/index.ts';
import type { Equation } from '../state/books.ts';

export function EquationLine({ equation, left }: { equation: Equation; left: string }) {
  return (
    <span class="equation">
      {left} <b>{formatCount(equation.left)}</b> {equation.balanced ? '=' : '≠'}{' '}
      {equation.terms.map((term, i) => [
        <span key={term.name} class="term">
          {i > 0 && '+ '}
          {t(`books.${term.name}`)} <b>{formatCount(term.count)}</b>
        </span>,
        ' ',
      ])}
    </span>
  );
}
