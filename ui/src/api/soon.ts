/** Shapes that the schema does not hold yet. Goes away with the next `npm run gen`. */
export interface Span {
  from: number;
  to: number;
}

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
