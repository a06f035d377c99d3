/**
 * One WebSocket for the tab. It names the series on screen, resumes where it broke off,
 * and is closed while nobody looks. What it does not do: keep history, or invent any.
 */
import { signal } from '@preact/signals';
import { serverNow } from '../state/clock.ts';
import { shownColumns } from '../state/shown.ts';
import type { Book, LiveMessage, RawColumns, SeriesId } from './types.ts';

export type LinkState = 'connecting' | 'open' | 'offline' | 'hidden';

export interface LiveListener {
  /** Readings by series name, in the order in which they were stored. */
  readings(series: Record<string, RawColumns>): void;
  /** Readings were missed for good: what is on screen must be read again. */
  reset(): void;
}

/** How a live message names a series. */
export function seriesName({ device, metric }: SeriesId): string {
  return `${device}/${metric}`;
}

const retryFirst = 500;
const retryMost = 15_000;
/** The server is asked for a sign of life when the socket was silent for so long. */
const quietMost = 4000;
const seriesMost = 1000;

export const linkState = signal<LinkState>('connecting');
export const liveBook = signal<Book | null>(null);
export const devicesVersion = signal(0);
/** When the link was lost, for the banner; null while it stands. */
export const lostSince = signal<number | null>(null);

const listeners = new Set<LiveListener>();
const wanted = new Map<symbol, SeriesId[]>();
let socket: WebSocket | null = null;
let cursor: string | null = null;
let attempts = 0;
let lastHeard = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let watchTimer: ReturnType<typeof setInterval> | undefined;

/** Half to all of a wait that doubles up to the limit, so that many tabs do not return at once. */
export function retryDelay(attempt: number, random: number): number {
  const wait = Math.min(retryMost, retryFirst * 2 ** attempt);
  return wait / 2 + (wait / 2) * random;
}

/** Hears all readings of the series that the tab subscribes to. Returns the way out. */
export function listen(listener: LiveListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Adds series to the tab's subscription until the returned function is called. */
export function subscribe(series: SeriesId[]): () => void {
  const id = Symbol('subscription');
  wanted.set(id, series);
  sendSubscription(null);
  return () => {
    wanted.delete(id);
    sendSubscription(null);
  };
}

function allWanted(): SeriesId[] {
  const byName = new Map<string, SeriesId>();
  for (const one of [...wanted.values()].flat()) byName.set(seriesName(one), one);
  return [...byName.values()].slice(0, seriesMost);
}

function sendSubscription(since: string | null): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ subscribe: allWanted(), since }));
}

function connect(): void {
  clearTimeout(retryTimer);
  if (socket || document.hidden) return;
  if (linkState.value !== 'offline') linkState.value = 'connecting';
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const opened = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
  socket = opened;
  opened.onopen = () => {
    lastHeard = Date.now();
    sendSubscription(cursor);
  };
  opened.onmessage = (event) => {
    if (socket === opened && typeof event.data === 'string') receive(JSON.parse(event.data));
  };
  opened.onclose = () => {
    if (socket === opened) lost();
  };
}

function receive(message: LiveMessage): void {
  lastHeard = Date.now();
  attempts = 0;
  cursor = message.cursor;
  linkState.value = 'open';
  lostSince.value = null;
  if (message.books) liveBook.value = message.books;
  devicesVersion.value = message.devices_version ?? devicesVersion.value;
  if (message.reset) for (const listener of listeners) listener.reset();
  const sent = Object.entries(message.series ?? {});
  if (sent.length > 0) {
    const series = Object.fromEntries(
      sent.map(([name, columns]) => [name, shownColumns(name, columns)]),
    );
    for (const listener of listeners) listener.readings(series);
  }
}

function lost(): void {
  socket = null;
  if (document.hidden) return;
  linkState.value = 'offline';
  lostSince.value ??= serverNow();
  retryTimer = setTimeout(connect, retryDelay(attempts++, Math.random()));
}

function drop(): void {
  const closing = socket;
  socket = null;
  if (closing) {
    closing.onclose = null;
    closing.close();
  }
}

/**
 * A machine that vanishes closes nothing, so silence is checked. A quiet fleet is silent as
 * well: only an unanswered question counts as lost.
 */
async function watch(): Promise<void> {
  if (linkState.value !== 'open' || Date.now() - lastHeard < quietMost) return;
  lastHeard = Date.now();
  const asked = socket;
  try {
    await fetch('/health', { signal: AbortSignal.timeout(quietMost - 1000) });
  } catch {
    if (asked && asked === socket) {
      drop();
      lost();
    }
  }
}

function followVisibility(): void {
  clearInterval(watchTimer);
  if (document.hidden) {
    clearTimeout(retryTimer);
    drop();
    linkState.value = 'hidden';
    return;
  }
  attempts = 0;
  watchTimer = setInterval(watch, 1000);
  connect();
}

/** Tries at once instead of waiting for the next turn. */
export function retryNow(): void {
  attempts = 0;
  connect();
}

export function startLive(): void {
  document.addEventListener('visibilitychange', followVisibility);
  addEventListener('online', retryNow);
  followVisibility();
}
