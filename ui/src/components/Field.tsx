/** A labelled field of a form, with its hint and with what is wrong tied to it. */
import type { ComponentChildren } from 'preact';
import words from '../i18n/en.forms.json';
import { addWords } from '../i18n/index.ts';
import '../styles/forms.css';

addWords(words);

interface Frame {
  id: string;
  label: string;
  hint?: string | undefined;
  fault?: string | null | undefined;
  wide?: boolean;
}

/** What ties a control to its hint and its fault. */
export function tied({ id, hint, fault }: Pick<Frame, 'id' | 'hint' | 'fault'>) {
  const about = [fault ? `${id}-fault` : '', hint ? `${id}-hint` : ''].filter(Boolean).join(' ');
  return {
    id,
    ...(about && { 'aria-describedby': about }),
    ...(fault && { 'aria-invalid': true }),
  };
}

export function Field(props: Frame & { children: ComponentChildren }) {
  const { id, label, hint, fault, wide, children } = props;
  return (
    <div class={wide ? 'form-field is-wide' : 'form-field'}>
      <label for={id}>{label}</label>
      {children}
      {fault && (
        <p id={`${id}-fault`} class="form-fault" role="alert">
          {fault}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} class="form-hint">
          {hint}
        </p>
      )}
    </div>
  );
}

/** Further attributes of the control, such as its type. */
type InputExtras = Readonly<Record<string, string | boolean>>;

interface TextProps extends Frame {
  value: string;
  set: (value: string) => void;
  input?: InputExtras;
}

export function TextField({ value, set, input = {}, ...frame }: TextProps) {
  return (
    <Field {...frame}>
      <input
        autocomplete="off"
        spellcheck={false}
        {...input}
        {...tied(frame)}
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
}

interface LinesProps extends Frame {
  value: string;
  set: (value: string) => void;
  placeholder?: string;
}

/** A text of several lines. */
export function LinesField({ value, set, placeholder, ...frame }: LinesProps) {
  return (
    <Field {...frame}>
      <textarea
        {...tied(frame)}
        rows={3}
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
}

export function CheckField({
  id,
  label,
  hint,
  value,
  set,
}: Frame & { value: boolean; set: (value: boolean) => void }) {
  return (
    <div class="form-check">
      <input
        {...tied({ id, hint, fault: null })}
        type="checkbox"
        checked={value}
        onChange={(event) => set(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      {hint && (
        <p id={`${id}-hint`} class="form-hint">
          {hint}
        </p>
      )}
    </div>
  );
}
