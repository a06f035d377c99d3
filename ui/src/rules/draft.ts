/**
 * A rule on the form: every member as the text that stands in its field, so that what is
 * half typed can stand there too. Turned into the object of the API and back.
 */
import {
  type FieldSpec,
  type Format,
  formats,
  type Kind,
  kinds,
  type RuleSpec,
  type TimeUnit,
  timeUnits,
} from '../api/topics.ts';
import { readNumber } from '../format/typed.ts';

export interface FieldDraft {
  /** Tells rows apart; the server never sees it. */
  id: number;
  /** A path, or of CSV the number of the column. */
  place: string;
  metric: string;
  unit: string;
  kind: Kind | '';
  scale: string;
  offset: string;
  low: string;
  high: string;
  bad: string;
}

export interface Draft {
  name: string;
  match: string;
  format: Format;
  timePath: string;
  timeUnit: TimeUnit | '';
  timeZone: string;
  devicePath: string;
  deviceFallback: string;
  fields: FieldDraft[];
  routeOnly: boolean;
  serverTime: boolean;
}

/** By member, such as `fields[0].scale`: what cannot be sent as it stands. */
export type Mistakes = Record<string, 'number' | 'column' | 'range' | 'list'>;

let rows = 0;

export function emptyField(): FieldDraft {
  rows += 1;
  return {
    id: rows,
    place: '',
    metric: '',
    unit: '',
    kind: '',
    scale: '',
    offset: '',
    low: '',
    high: '',
    bad: '',
  };
}

export function draftOf(spec: RuleSpec): Draft {
  const fields = spec.fields ?? [];
  const inColumns = fields.some((field) => field.column !== undefined);
  const format = formats.find((one) => one === spec.format) ?? 'auto';
  return {
    name: spec.name ?? '',
    match: spec.match ?? '',
    format: format === 'auto' && inColumns ? 'csv' : format,
    timePath: spec.time?.path ?? '',
    timeUnit: timeUnits.find((one) => one === spec.time?.unit) ?? '',
    timeZone: spec.time?.zone ?? '',
    devicePath: spec.device?.path ?? '',
    deviceFallback: spec.device?.fallback ?? '',
    fields: fields.map(fieldDraft),
    routeOnly: spec.route_only ?? false,
    serverTime: spec.server_time ?? false,
  };
}

function fieldDraft(spec: FieldSpec): FieldDraft {
  return {
    ...emptyField(),
    place: spec.path ?? String(spec.column ?? ''),
    metric: spec.metric ?? '',
    unit: spec.unit ?? '',
    kind: kinds.find((one) => one === spec.kind) ?? '',
    scale: textOf(spec.scale),
    offset: textOf(spec.offset),
    low: textOf(spec.valid?.[0]),
    high: textOf(spec.valid?.[1]),
    bad: (spec.bad ?? []).join(', '),
  };
}

const textOf = (number: number | null | undefined) => String(number ?? '');

/** The object that the draft means, and what stands in the way of sending it. */
export function specOf(draft: Draft): { spec: RuleSpec; mistakes: Mistakes } {
  const mistakes: Mistakes = {};
  const spec: RuleSpec = { match: draft.match.trim() };
  if (draft.name.trim()) spec.name = draft.name.trim();
  if (draft.format !== 'auto') spec.format = draft.format;
  if (draft.routeOnly) return { spec: { ...spec, route_only: true }, mistakes };
  if (draft.serverTime) spec.server_time = true;
  else if (draft.timePath.trim()) spec.time = timeOf(draft);
  const path = draft.devicePath.trim();
  const fallback = draft.deviceFallback.trim();
  if (path || fallback) spec.device = { ...(path && { path }), ...(fallback && { fallback }) };
  const fields = draft.fields.map((field, i) =>
    fieldOf(field, draft.format, (member, mistake) => {
      mistakes[`fields[${i}].${member}`] = mistake;
    }),
  );
  if (fields.length > 0) spec.fields = fields;
  return { spec, mistakes };
}

function timeOf(draft: Draft): NonNullable<RuleSpec['time']> {
  const zone = draft.timeZone.trim();
  return {
    path: draft.timePath.trim(),
    ...(draft.timeUnit && { unit: draft.timeUnit }),
    ...(zone && { zone }),
  };
}

type Complain = (member: string, mistake: Mistakes[string]) => void;

function fieldOf(field: FieldDraft, format: Format, complain: Complain): FieldSpec {
  const spec: FieldSpec = { metric: field.metric.trim() };
  const place = field.place.trim();
  if (format === 'csv' && place) {
    if (/^\d+$/.test(place)) spec.column = Number(place);
    else complain('column', 'column');
  } else if (place && format !== 'number') {
    spec.path = place;
  }
  if (field.unit.trim()) spec.unit = field.unit.trim();
  if (field.kind) spec.kind = field.kind;
  for (const member of ['scale', 'offset'] as const) {
    const number = numberOf(field[member]);
    if (number === null) complain(member, 'number');
    else if (number !== undefined) spec[member] = number;
  }
  const [low, high] = [numberOf(field.low), numberOf(field.high)];
  if (low === null || high === null) complain('valid', 'number');
  else if (low !== undefined && high !== undefined) spec.valid = [low, high];
  else if (low !== high) complain('valid', 'range');
  const bad = field.bad.split(/,?\s+|;|,(?=[-+]|$)/).filter(Boolean);
  const numbers = bad.map(numberOf).filter((one): one is number => typeof one === 'number');
  // A comma between digits may be in a number or between two of them.
  if (/\d,\d/.test(field.bad)) complain('bad', 'list');
  else if (numbers.length < bad.length) complain('bad', 'number');
  else if (numbers.length > 0) spec.bad = numbers;
  return spec;
}

/** Nothing typed is `undefined`, what is no number is `null`. */
function numberOf(text: string): number | null | undefined {
  return text.trim() ? readNumber(text) : undefined;
}

/** What was typed as JSON: an object, or why it is none. */
export function parseSpec(text: string): { spec: RuleSpec } | { wrong: string } {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return { spec: parsed as RuleSpec };
    }
    return { wrong: '' };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : '' };
  }
}

/** A rule for exactly one topic, to begin with where nothing can be suggested. */
export function bareSpec(topic: string): RuleSpec {
  return { match: topic, fields: [{ metric: '' }] };
}
