/** The shapes of the public API under the names that the page uses. */

export type Status = 'online' | 'stale' | 'offline' | 'never_seen';
export type UnitSource = 'payload' | 'discovery' | 'name' | 'profile' | 'assumed' | 'none';
export type Kind = 'measurement' | 'angle' | 'total' | 'total_increasing' | 'state' | 'text';
/** A reading's value; `null` is a failed read. */
export type Value = number | boolean | string | null;

export interface Metric {
  name: string;
  unit: string | null;
  unit_source: UnitSource;
  kind: Kind;
  latest: { t: number; v: Value; q: number } | null;
  interval_ms: number | null;
  first_t: number | null;
}

export interface Device {
  key: string;
  name: string;
  status: Status;
  new: boolean;
  hidden: boolean;
  tags: string[];
  last_seen: number | null;
  version: number;
  demo: { badge: string; source: string; licence: string } | null;
  metrics: Metric[];
}

export interface RawColumns {
  t: number[];
  v: Value[];
  q?: number[] | null;
}

export interface Windows {
  device: string;
  metric: string;
  unit: string | null;
  kind: Kind;
  t0: number;
  step_ms: number;
  readings: number;
  min: (number | null)[];
  max: (number | null)[];
  avg: (number | null)[];
  count: number[];
  raw: RawColumns | null;
  took_ms: number;
}

export interface SeriesId {
  device: string;
  metric: string;
}

export type Counts = Record<string, number>;

export interface Book {
  messages: {
    received: number;
    stored: number;
    no_reading: Counts;
    duplicate: number;
    rejected: Counts;
    in_flight: number;
  };
  readings: {
    decoded: number;
    stored: number;
    duplicate: number;
    replaced: number;
    unsettled: number;
    rejected: Counts;
  };
}

export interface Books {
  sources: ({ source: string } & Book)[];
  total: Book;
  balanced: boolean;
}

export interface UnreadMessage {
  id: string;
  t: number;
  source: string;
  client?: string | null;
  topic: string;
  reason: string;
  detail: string;
  bytes: number;
  text?: string | null;
  hex?: string | null;
}

export interface UnreadPage {
  items: UnreadMessage[];
  next_cursor: string | null;
  total: number;
}

export interface Heard {
  t: number;
  topic: string;
  text?: string | null;
  device: string;
  readings: { metric: string; v: Value; unit: string | null; unit_source: UnitSource }[];
}

export interface About {
  version: string;
  state: 'local' | 'open_lan';
  sentence: string;
  http: string[];
  mqtt: string[];
  now: number;
  boot: string;
  demo: { running: boolean } | null;
}
