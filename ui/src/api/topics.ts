/** Topics heard, refused connections and mapping rules: calls and shapes. */
import { ask } from './client.ts';
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type TopicItem = Schemas['TopicItem'];
export type TopicPage = Schemas['TopicPage'];
export type Trace = Schemas['Trace'];
export type TraceMessage = Schemas['TraceMessage'];
export type TraceReading = Schemas['TraceReading'];

export const formats = [
  'auto',
  'json',
  'number',
  'csv',
  'line_protocol',
  'senml',
  'cbor',
  'form',
] as const;
export type Format = (typeof formats)[number];

export const timeUnits = ['s', 'ms', 'us', 'ns', 'iso'] as const;
export type TimeUnit = (typeof timeUnits)[number];

export const kinds = [
  'measurement',
  'angle',
  'total',
  'total_increasing',
  'state',
  'text',
] as const;
export type Kind = (typeof kinds)[number];

export interface FieldSpec {
  path?: string;
  column?: number;
  metric: string;
  unit?: string;
  kind?: Kind;
  scale?: number;
  offset?: number;
  valid?: [number, number];
  bad?: number[];
}

export interface RuleSpec {
  name?: string;
  match: string;
  format?: Format;
  time?: { path: string; unit?: TimeUnit; zone?: string };
  device?: { path?: string; fallback?: string };
  fields?: FieldSpec[];
  route_only?: boolean;
  server_time?: boolean;
}

export interface Rule {
  id: string;
  version: number;
  enabled: boolean;
  rule: RuleSpec;
  shadowed_by: string | null;
  matched: number;
}

export interface RuleList {
  items: Rule[];
  /** Kept as a rule, and of no use. */
  broken?: { id: string; version: number; detail: string }[];
}

export interface TrialMessage {
  topic: string;
  text: string | null;
  hex: string;
  outcome: string;
  detail: string | null;
  readings: TraceReading[];
}

export interface Trial {
  filter: string;
  shadowed_by: string | null;
  messages: TrialMessage[];
}

export interface Refused {
  t: number;
  client: string | null;
  address: string;
  reason: string;
  detail: string;
  count: number;
}

export const getTopics = (q: string, limit: number) =>
  ask<TopicPage>('/topics', { query: q ? { q, limit } : { limit } });

export const getTrace = (topic: string, signal: AbortSignal) =>
  ask<Trace>('/topics/trace', { query: { topic }, signal });

export const getRefused = () => ask<{ items: Refused[] }>('/inbox/refused');

const rulePath = (id: string) => `/rules/${encodeURIComponent(id)}`;
const ifMatch = ({ version }: { version: number }) => ({ 'if-match': `"${version}"` });

export const getRules = () => ask<RuleList>('/rules');
export const getRule = (id: string) => ask<Rule>(rulePath(id));

export const createRule = (rule: RuleSpec, enabled: boolean) =>
  ask<Rule>('/rules', { method: 'POST', body: { rule, enabled } });

export const changeRule = (seen: Rule, rule: RuleSpec, enabled: boolean) =>
  ask<Rule>(rulePath(seen.id), { method: 'PUT', body: { rule, enabled }, headers: ifMatch(seen) });

export const removeRule = (seen: { id: string; version: number }) =>
  ask<void>(rulePath(seen.id), { method: 'DELETE', headers: ifMatch(seen) });

export const orderRules = (ids: string[]) =>
  ask<RuleList>('/rules/order', { method: 'POST', body: { ids } });

/** Tries a rule on the last messages; `id` names the rule in whose place it is tried. */
export const testRule = (rule: RuleSpec, id: string | null, signal: AbortSignal) =>
  ask<Trial>('/rules/test', { method: 'POST', body: id ? { rule, id } : { rule }, signal });

/** What a rule is wanted for: the last message of a topic, or an unread message. */
export type Wanted = { topic: string } | { unread: string };

export const suggestRule = (wanted: Wanted) =>
  ask<{ rule: RuleSpec | null }>('/rules/suggest', { method: 'POST', body: wanted });
