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
