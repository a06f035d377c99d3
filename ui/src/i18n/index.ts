/**
 * Words of the page. Every sentence that a person reads stands in `en.json`; the code
 * names it by key and fills in the values.
 */
import en from './en.json';

export type Key = keyof typeof en;
type PluralStem<K> = K extends `${infer Stem}_other` ? Stem : never;
export type PluralKey = PluralStem<Key>;
type Values = Record<string, string | number>;

/** Numbers and dates follow the reader's English where it is English, else British. */
export const locale = navigator.language?.startsWith('en') ? navigator.language : 'en-GB';
const rules = new Intl.PluralRules(locale);

export function t(key: Key, values: Values = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

/** The form of a sentence that fits `count`; the sentence says where the number stands. */
export function plural(stem: PluralKey, count: number, values: Values = {}): string {
  const form: Key = rules.select(count) === 'one' ? `${stem}_one` : `${stem}_other`;
  return t(form, { n: count, ...values });
}

/** A word for a code that the server may extend: the code itself, spelled out, if unknown. */
export function word(prefix: string, code: string): string {
  const key = `${prefix}.${code}`;
  return isKey(key) ? en[key] : code.replaceAll('_', ' ');
}

function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}
