/**
 * The one cache of what the server says about itself: devices, books, inbox, about. Pages
 * read signals; a change that the live link announces reads the list again.
 */
import { computed, effect, signal } from '@preact/signals';
import { Failure, getAbout, getBooks, getDevices, getHeard, getUnread } from '../api/client.ts';
import { devicesVersion, linkState, listen, liveBook, seriesName } from '../api/live.ts';
import {
  type About,
  type Books,
  type Device,
  type Heard,
  type RawColumns,
  toValue,
  type UnreadPage,
  type Value,
} from '../api/types.ts';
import { t } from '../i18n/index.ts';
import { setServerNow } from './clock.ts';
import { learnShown } from './shown.ts';

/** Data with the story of its last load. Old data stays while a new load runs or fails. */
export interface Loaded<T> {
  data: T | null;
  failure: string | null;
}

export interface LatestReading {
  t: number;
  v: Value;
  q: number;
}

const unreadShown = 100;
/** Beyond it the rest is left out. */
const devicesMost = 20_000;
/** Status words change with time alone, so the list is read again now and then. */
const refreshMs = 15_000;

export const about = signal<Loaded<About>>({ data: null, failure: null });
export const devices = signal<Loaded<Device[]>>({ data: null, failure: null });
export const books = signal<Loaded<Books>>({ data: null, failure: null });
export const unread = signal<Loaded<UnreadPage>>({ data: null, failure: null });
export const heard = signal<Loaded<Heard[]>>({ data: null, failure: null });
/** Newest reading of each series, by series name. */
export const latest = signal<ReadonlyMap<string, LatestReading>>(new Map());

export const shownDevices = computed(() => devices.value.data?.filter((one) => !one.hidden) ?? []);
export const newDevices = computed(() => shownDevices.value.filter((one) => one.new));
export const totalBook = computed(() => liveBook.value ?? books.value.data?.total ?? null);

export function failureText(error: unknown): string {
  if (error instanceof Failure) return error.message;
  return t('failure.unreachable');
}

export async function load<T>(into: { value: Loaded<T> }, read: () => Promise<T>): Promise<void> {
  try {
    into.value = { data: await read(), failure: null };
  } catch (error) {
    into.value = { data: into.value.data, failure: failureText(error) };
  }
}

async function readAbout(): Promise<About> {
  const answer = await getAbout();
  setServerNow(answer.now);
  return answer;
}

async function readDevices(): Promise<Device[]> {
  const all: Device[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof getDevices>> = await getDevices(cursor);
    all.push(...page.items.map(learnShown));
    cursor = page.next_cursor ?? null;
  } while (cursor && all.length < devicesMost);
  takeLatest(all);
  return all;
}

function takeLatest(list: Device[]): void {
  const next = new Map(latest.value);
  for (const device of list) {
    for (const metric of device.metrics) {
      const name = seriesName({ device: device.key, metric: metric.name });
      const known = next.get(name);
      if (!metric.latest || (known && metric.latest.t < known.t)) continue;
      next.set(name, { ...metric.latest, v: toValue(metric.latest.v) });
    }
  }
  latest.value = next;
}

export const loadAbout = () => load(about, readAbout);

let reading: Promise<void> | null = null;
let next: Promise<void> | null = null;
let [lastRead, tookMs] = [0, 0];

/** Reads the list. While it is being read, one more reading waits, however many ask for it. */
export function loadDevices(): Promise<void> {
  if (reading) {
    next ??= reading.then(() => {
      next = null;
      return loadDevices();
    });
    return next;
  }
  const began = performance.now();
  reading = load(devices, readDevices).then(() => {
    lastRead = performance.now();
    tookMs = lastRead - began;
    reading = null;
  });
  return reading;
}

/** After a reading of the list the page rests for so many times as long as that took. */
const restTimes = 4;
let isFollowing = false;

/** Reads again what the live link says has changed; a long list not at each change, but soon. */
async function followChanges(): Promise<void> {
  if (isFollowing) return;
  isFollowing = true;
  const rest = lastRead + restTimes * tookMs - performance.now();
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  const version = devicesVersion.peek();
  await Promise.all([loadDevices(), loadUnread(), loadHeard()]);
  isFollowing = false;
  if (devicesVersion.peek() !== version) void followChanges();
}

export const loadBooks = () => load(books, getBooks);
export const loadUnread = () => load(unread, () => getUnread(unreadShown));
export const loadHeard = () => load(heard, async () => (await getHeard()).items);

export async function loadAll(): Promise<void> {
  await Promise.all([loadAbout(), loadDevices(), loadBooks(), loadUnread(), loadHeard()]);
}

function takeReadings(series: Record<string, RawColumns>): void {
  const next = new Map(latest.value);
  for (const [name, columns] of Object.entries(series)) {
    columns.t.forEach((time, i) => {
      const known = next.get(name);
      if (known && known.t > time) return;
      next.set(name, { t: time, v: toValue(columns.v[i]), q: columns.q?.[i] ?? 0 });
    });
  }
  latest.value = next;
}

/** Puts one device into the list, after a change that the server confirmed. */
export function putDevice(answer: Device): void {
  const changed = learnShown(answer);
  takeLatest([changed]);
  const list = devices.value.data ?? [];
  const isListed = list.some((one) => one.key === changed.key);
  const data = isListed
    ? list.map((one) => (one.key === changed.key ? changed : one))
    : [...list, changed];
  devices.value = { ...devices.value, data };
}

export function startFleet(): void {
  void loadAll();
  listen({ readings: takeReadings, reset: () => void loadDevices() });
  let versionSeen = 0;
  effect(() => {
    const version = devicesVersion.value;
    if (version === versionSeen) return;
    const first = versionSeen === 0;
    versionSeen = version;
    if (!first) void followChanges();
  });
  let wasOffline = false;
  effect(() => {
    const state = linkState.value;
    if (state === 'open' && wasOffline) void loadAll();
    wasOffline = state === 'offline' || (wasOffline && state !== 'open');
  });
  setInterval(() => {
    const isRested = performance.now() - lastRead > restTimes * tookMs;
    if (!document.hidden && linkState.value === 'open' && isRested) void loadDevices();
  }, refreshMs);
}
