/** Calls of the public API. Each answers with data or throws a `Failure` worth reading. */
import { shownWindows } from '../state/shown.ts';
import type {
  About,
  Books,
  Device,
  DevicePage,
  HeardList,
  ManyWindows,
  Problem,
  RawColumns,
  Retried,
  SeriesId,
  UnreadPage,
  Windows,
} from './types.ts';

/** What went wrong, in a sentence that can stand on the page. */
export class Failure extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
    /** Which member of what was sent is wrong, such as `fields[0].path`. */
    readonly member: string | null = null,
  ) {
    super(detail);
  }
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Record<string, string | number>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function ask<T>(
  path: string,
  { method = 'GET', query, body, headers, signal }: Ask = {},
): Promise<T> {
  const search = query
    ? `?${new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]))}`
    : '';
  const init: RequestInit = { method, headers: { accept: 'application/json', ...headers } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'content-type': 'application/json' };
  }
  const answer = await fetch(`/api/v1${path}${search}`, init);
  if (!answer.ok) throw await failureOf(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export async function failureOf(answer: Response): Promise<Failure> {
  const problem: Partial<Problem> & { member?: string | null } = await answer
    .json()
    .catch(() => ({}));
  const detail = problem.detail ?? problem.title ?? `${answer.status} ${answer.statusText}`;
  return new Failure(problem.code ?? 'unknown', answer.status, detail, problem.member);
}

export const getAbout = () => ask<About>('/about');
export const getBooks = () => ask<Books>('/books');
export const getHeard = () => ask<HeardList>('/inbox/heard');
export const getUnread = (limit: number) =>
  ask<UnreadPage>('/inbox/messages', { query: { limit } });
/** So many devices come at once: the server gathers all of them for each page. */
const devicesAtOnce = 2000;

export const getDevices = (cursor: string | null) =>
  ask<DevicePage>('/devices', {
    query: { limit: devicesAtOnce, ...(cursor && { cursor }) },
  });

export const acceptDevice = (device: Device) =>
  ask<Device>(`/devices/${encodeURIComponent(device.key)}`, {
    method: 'PATCH',
    body: { new: false },
    headers: { 'if-match': `"${device.version}"` },
  });

export const retryMessage = (id: string) =>
  ask<Retried>(`/inbox/messages/${encodeURIComponent(id)}/retry`, {
    method: 'POST',
  });

export const hideDemo = () => ask<void>('/demo', { method: 'DELETE' });

export const getWindows = async (
  series: SeriesId[],
  from: number,
  to: number,
  width: number,
  signal?: AbortSignal,
) => {
  const answer = await ask<ManyWindows>('/windows', {
    method: 'POST',
    body: { series, from, to, width },
    ...(signal && { signal }),
  });
  return { ...answer, items: answer.items.map(shownWindows) };
};

/** Time of the series' first reading; null when it has none. */
export const getFirst = async (series: SeriesId): Promise<number | null> => {
  const query = { device: series.device, metric: series.metric, order: 'asc', limit: 1 };
  return (await ask<RawColumns>('/readings', { query })).t[0] ?? null;
};

/** Windows of exactly `step` milliseconds, to settle a few that live readings touched. */
export const getSteps = async (series: SeriesId, from: number, to: number, step: number) =>
  shownWindows(
    await ask<Windows>('/windows', {
      query: { device: series.device, metric: series.metric, from, to, step_ms: step },
    }),
  );
