/** One labelled field of the form, with its mistake beneath. */
import type { ComponentChildren } from 'preact';
import { Field, TextField, tied } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import type { Mistakes } from './draft.ts';
import type { RuleProblem } from './trial.ts';

/** What is wrong, for whoever draws a member. */
export interface Wrongs {
  mistakes: Mistakes;
  problem: RuleProblem | null;
}

export function sentenceAt(members: readonly string[], { mistakes, problem }: Wrongs) {
  const mistake = members.map((member) => mistakes[member]).find(Boolean);
  if (mistake) return t(`rules.wrong_${mistake}`);
  return problem?.member && members.includes(problem.member) ? problem.sentence : null;
}

interface Props {
  id: string;
  label: string;
  /** Members of the rule that this field writes. */
  members: readonly string[];
  wrongs: Wrongs;
  value: string;
  set: (value: string) => void;
  hint?: string;
  placeholder?: string;
  list?: string;
  isMono?: boolean;
  /** A select instead of a text field. */
  options?: ComponentChildren;
}

export function RuleField(props: Props) {
  const { id, label, members, wrongs, value, set, hint, placeholder, list, isMono, options } =
    props;
  const frame = { id, label, hint, fault: sentenceAt(members, wrongs) };
  if (options) {
    return (
      <Field {...frame}>
        <select {...tied(frame)} value={value} onChange={(event) => set(event.currentTarget.value)}>
          {options}
        </select>
      </Field>
    );
  }
  const input = {
    autocapitalize: 'off',
    ...(placeholder && { placeholder }),
    ...(list && { list }),
    ...(isMono && { class: 'mono' }),
  };
  return <TextField {...frame} value={value} set={set} input={input} />;
}
