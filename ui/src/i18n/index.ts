/**
 * Words of the page. Every sentence that a person reads stands in a JSON file here; the
 * code names it by key and fills in the values. `en.json` comes with the frame,
 * `en.pages.json` with the pages of lists, `en.messages.json` with what shows messages, each
 * other file with the page or part of its name, so that no page waits for others' words.
 */
import type absent from './en.absent.json';
import type add from './en.add.json';
import type away from './en.away.json';
import type books from './en.books.json';
import type choose from './en.choose.json';
import type dates from './en.dates.json';
import type forms from './en.forms.json';
import type health from './en.health.json';
import type imports from './en.import.json';
import type inbox from './en.inbox.json';
import en from './en.json';
import type marked from './en.marked.json';
import type marks from './en.marks.json';
import type messages from './en.messages.json';
import type pages from './en.pages.json';
import type ruleWords from './en.rules.json';
import type settings from './en.settings.json';
import type sources from './en.sources.json';
import type topics from './en.topics.json';

export type Key =
  | keyof typeof en
  | keyof typeof absent
  | keyof typeof add
  | keyof typeof away
  | keyof typeof books
  | keyof typeof choose
  | keyof typeof dates
  | keyof typeof forms
  | keyof typeof health
  | keyof typeof imports
  | keyof typeof inbox
  | keyof typeof marked
  | keyof typeof marks
  | keyof typeof messages
  | keyof typeof pages
  | keyof typeof settings
  | keyof typeof ruleWords
  | keyof typeof sources
  | keyof typeof topics;
type PluralStem<K> = K extends `${infer Stem}_other` ? Stem : never;
export type PluralKey = PluralStem<Key>;
type Values = Record<string, string | number>;

/** Numbers and dates follow the reader's English where it is English, else British. */
export const locale = navigator.language?.startsWith('en') ? navigator.language : 'en-GB';
const rules = new Intl.PluralRules(locale);

const words = new Map<string, string>(Object.entries(en));

/** Adds the words of a page; the page does so before it is first drawn. */
export function addWords(more: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(more)) words.set(key, text);
}

export function t(key: Key, values: Values = {}): string {
  const text = words.get(key) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
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
  return words.get(key) ?? code.replaceAll('_', ' ');
}

/** What brought a message in: a way of this server, or an external broker by the name that a person gave it. */
export function sourceName(source: string): string {
  return words.get(`source.${source}`) ?? t('source.external', { name: source });
}
