/** Topics heard, refused connections and mapping rules: calls and shapes. */
import { ask } from './client.ts';
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type TopicItem = Schemas['TopicItem'];
export type TopicPage = Schemas['TopicPage'];
export type Trace = Schemas['Trace'];
export type TraceMessage = Schemas['TraceMessage'];
export type TraceReading = Schemas['TraceReading'];
export type FieldSpec = Schemas['FieldSpec'];
export type RuleSpec = Schemas['RuleSpec'];
export type Rule = Schemas['RuleItem'];
export type RuleList = Schemas['RuleList'];
export type Trial = Schemas['TestAnswer'];
export type TrialMessage = Schemas['TestMessage'];
export type Suggestion = Schemas['Suggestion'];
export type Refused = Schemas['RefusedItem'];
export type Format = Schemas['Format'];
export type TimeUnit = Schemas['TimeUnit'];

export const formats: readonly Format[] = [
  'auto',
  'json',
  'number',
  'csv',
  'line_protocol',
  'senml',
  'cbor',
  'form',
];

export const timeUnits: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns', 'iso'];

export const kinds = [
  'measurement',
  'angle',
  'total',
  'total_increasing',
  'state',
  'text',
] as const;
export type Kind = (typeof kinds)[number];

export const getTopics = (q: string, limit: number) =>
  ask<TopicPage>('/topics', { query: q ? { q, limit } : { limit } });

export const getTrace = (topic: string, signal: AbortSignal) =>
  ask<Trace>('/topics/trace', { query: { topic }, signal });

export const getRefused = () => ask<Schemas['RefusedPage']>('/inbox/refused');

const rulePath = (id: string) => `/rules/${encodeURIComponent(id)}`;
const ifMatch = ({ version }: { version: number }) => ({ 'if-match': `"${version}"` });

export const getRules = () => ask<RuleList>('/rules');
export const getRule = (id: string) => ask<Rule>(rulePath(id));

/** A new rule is asked last, or in front of the rule `before`. */
export const createRule = (rule: RuleSpec, enabled: boolean, before: string | null) =>
  ask<Rule>('/rules', { method: 'POST', body: { rule, enabled, ...(before && { before }) } });

export const changeRule = (seen: Rule, rule: RuleSpec, enabled: boolean) =>
  ask<Rule>(rulePath(seen.id), { method: 'PUT', body: { rule, enabled }, headers: ifMatch(seen) });

export const removeRule = (seen: { id: string; version: number }) =>
  ask<void>(rulePath(seen.id), { method: 'DELETE', headers: ifMatch(seen) });

/** The unread messages of the rule's topics are ingested again, at most a thousand of them. */
export const retryByRule = (id: string) =>
  ask<Schemas['RetryAnswer']>(`${rulePath(id)}/retry`, { method: 'POST' });

export const orderRules = (ids: string[]) =>
  ask<RuleList>('/rules/order', { method: 'POST', body: { ids } });

/** What a rule is tried on, and in whose place. */
export interface TrialOf {
  /** The rule that is changed; null for a new one. */
  id: string | null;
  /** The topic whose messages come first. */
  topic: string | null;
}

/** Tries a rule on the last messages: behind all others, or in front of the rule `before`. */
export const testRule = (
  rule: RuleSpec,
  { id, topic }: TrialOf,
  before: string | null,
  signal?: AbortSignal,
) =>
  ask<Trial>('/rules/test', {
    method: 'POST',
    body: { rule, ...(id && { id }), ...(topic && { topic }), ...(before && { before }) },
    ...(signal && { signal }),
  });

/** What a rule is wanted for: the last message of a topic, or an unread message. */
export type Wanted = { topic: string } | { unread: string };

export const suggestRule = (wanted: Wanted) =>
  ask<Suggestion>('/rules/suggest', { method: 'POST', body: wanted });
