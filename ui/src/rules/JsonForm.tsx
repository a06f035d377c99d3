/** The rule as the object that the API takes. */
import { Field, tied } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import type { RuleProblem } from './trial.ts';

interface Props {
  text: string;
  set: (text: string) => void;
  /** Why the text is no JSON object. */
  wrong: string | null;
  problem: RuleProblem | null;
}

export function JsonForm({ text, set, wrong, problem }: Props) {
  const sentence =
    wrong === null
      ? problem && `${problem.member ? `${problem.member}: ` : ''}${problem.sentence}`
      : t('rules.no_object', { why: wrong });
  const frame = { id: 'rule-json', label: t('rules.json'), fault: sentence };
  return (
    <Field {...frame}>
      <textarea
        {...tied(frame)}
        spellcheck={false}
        value={text}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
}
