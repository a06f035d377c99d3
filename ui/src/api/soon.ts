/** Shapes that the schema does not hold yet. Goes away with the next `npm run gen`. */
export interface Span {
  from: number;
  to: number;
}

export const protocols = ['3.1.1', '5'] as const;
export type Protocol = (typeof protocols)[number];

export type WayKind = 'embedded' | 'external' | 'http' | 'import' | 'inbox';
export type WayState = 'listening' | 'connected' | 'connecting' | 'paused' | 'failing';

export interface WayIn {
  name: string;
  kind: WayKind;
  state: WayState;
  detail?: string | null;
  address?: string | null;
  since?: number | null;
  received: number;
  per_minute: number;
  in_flight: number;
  lag_ms?: number;
  gaps: Span[];
}

export interface HardwareMark {
  at: number;
  note?: string | null;
}

/** What a device has beside what the schema says yet. */
export interface DeviceMore {
  group?: string | null;
  archived?: boolean;
  hardware?: HardwareMark[];
  clients?: string[];
}

export interface MetricMore {
  display?: { unit?: string | null; precision?: number | null };
  conversion?: { scale: number; offset: number } | null;
  /** What the device sends, where another unit is shown. Not of the API: see `shown.ts`. */
  own_unit?: string | null;
  calibration?: { scale: number; offset: number } | null;
}

export interface DeviceHealth {
  status: string;
  sentence: string;
  interval_ms?: number | null;
  jitter_ms?: number | null;
  messages: number;
  duplicates: number;
  replaced: number;
  loss?: { expected: number; missing: number; percent: number; restarts: number } | null;
  clock: { drift_ms?: number | null; bad: number };
  failures: {
    bad: number;
    total: number;
    percent: number;
    by_flaw: Record<string, number>;
    suspect?: number;
    suspect_by_flaw?: Record<string, number>;
  };
  rssi?: number | null;
  battery?: number | null;
  connection?: {
    client: string;
    address?: string | null;
    since?: number | null;
    lint: string[];
  } | null;
  hints: { code: string; sentence: string }[];
  metrics: {
    name: string;
    interval_ms?: number | null;
    jitter_ms?: number | null;
    frozen_since?: number | null;
    bad: number;
    suspect: number;
  }[];
}

export interface DeviceEvent {
  t: number;
  code: string;
  device?: string | null;
  sentence: string;
}

export interface Calibration {
  from?: number | null;
  scale: number;
  offset: number;
  note?: string | null;
  points?: [[number, number], [number, number]] | null;
}

export interface CalibrationList {
  items: Calibration[];
  version: number;
}

export const timeForms = ['iso', 'dmy', 'mdy', 's', 'ms', 'us', 'ns'] as const;
export type TimeForm = (typeof timeForms)[number];

/** What the columns of a table mean, counted from 1. */
export interface Mapping {
  delimiter: string;
  header: boolean;
  decimal_comma: boolean;
  time: { column: number; of_day?: number; form: TimeForm; zone?: string };
  device: { column?: number; key?: string };
  fields?: { column: number; metric: string; unit?: string; kind?: string }[];
  long?: { metric: number; value: number; unit?: number };
}

export interface Preview {
  delimiter: string;
  header: boolean;
  decimal_comma: boolean;
  columns: { name: string; guess: string; metric?: string | null; unit?: string | null }[];
  rows: string[][];
  problems: string[];
  mapping?: Mapping | null;
  readings: {
    row: number;
    t?: number | null;
    device: string;
    metric: string;
    v: number | boolean | string | null;
    unit?: string | null;
  }[];
  errors: { row: number; detail: string }[];
}

export interface Import {
  id: number;
  name?: string | null;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  detail?: string | null;
  started: number;
  ended?: number | null;
  rows: number;
  stored: number;
  duplicate: number;
  replaced: number;
  unsettled: number;
  rejected: Record<string, number>;
  bytes: number;
  bytes_total?: number | null;
  errors: { row: number; detail: string }[];
}
