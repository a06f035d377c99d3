/** What failed, and the way to try again. */
import { t } from '../i18n/index.ts';

interface Props {
  what: string;
  why: string;
  again: () => void;
}

export function Failure({ what, why, again }: Props) {
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{what}</strong> {why}
      </p>
      <button type="button" onClick={again}>
        {t('failure.again')}
      </button>
    </div>
  );
}
