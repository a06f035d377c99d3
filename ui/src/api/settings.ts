/** Calls about one device: its health, and everything that can be set of it. */
import { ask, Failure } from './client.ts';
import type { components } from './schema.d.ts';
import type { Device } from './types.ts';

type Schemas = components['schemas'];
export type Calibration = Schemas['Calibration'];
export type CalibrationList = Schemas['CalibrationList'];
export type DeviceEvent = Schemas['EventItem'];
export type DeviceHealth = Schemas['DeviceHealth'];

const pathOf = (key: string) => `/devices/${encodeURIComponent(key)}`;
const at = (version: number) => ({ 'if-match': `"${version}"` });

export interface DeviceChange {
  name?: string;
  place?: string;
  group?: string;
  tags?: string[];
  topics?: string[];
  clients?: string[];
  hidden?: boolean;
  archived?: boolean;
  metrics?: Record<string, { unit?: string | null; precision?: number | null }>;
}

export const getHealth = (key: string) => ask<DeviceHealth>(`${pathOf(key)}/health`);
export const getEvents = async (key: string) =>
  (await ask<{ items: DeviceEvent[] }>('/events', { query: { device: key, limit: 20 } })).items;

export const changeDevice = (device: Device, body: DeviceChange) =>
  ask<Device>(pathOf(device.key), { method: 'PATCH', body, headers: at(device.version) });

export const markHardware = (device: Device, body: { at?: number; note?: string }) =>
  ask<Device>(`${pathOf(device.key)}/hardware`, {
    method: 'POST',
    body,
    headers: at(device.version),
  });

export const forgetHardware = (device: Device, time: number) =>
  ask<Device>(`${pathOf(device.key)}/hardware/${time}`, {
    method: 'DELETE',
    headers: at(device.version),
  });

const calibrationPath = (key: string, metric: string) =>
  `${pathOf(key)}/calibrations/${encodeURIComponent(metric)}`;

export const getCalibrations = (key: string, metric: string) =>
  ask<CalibrationList>(calibrationPath(key, metric));

/** What a calibration of two pairs says is in them: scale and offset are not sent with them. */
const sent = ({ from, scale, offset, note, points }: Calibration) => ({
  ...(typeof from === 'number' && { from }),
  ...(points ? { points } : { scale, offset }),
  ...(note && { note }),
});

export const putCalibrations = (
  key: string,
  metric: string,
  version: number,
  items: Calibration[],
) =>
  ask<CalibrationList>(calibrationPath(key, metric), {
    method: 'PUT',
    body: { items: items.map(sent) },
    headers: at(version),
  });

export const mergeDevice = (key: string, into: string) =>
  ask<Device>(`${pathOf(key)}/merge`, { method: 'POST', body: { into } });

export const ignoreSender = (key: string) =>
  ask<unknown>('/inbox/ignored', { method: 'POST', body: { key } });

export const deleteDevice = (device: Device) =>
  ask<void>(pathOf(device.key), { method: 'DELETE', query: { confirm: device.key } });

export interface Going {
  readings: number;
  first?: number | null;
  last?: number | null;
}

/** What a deletion would take with it. Asked without the key once more, nothing is deleted. */
export async function getGoing(key: string): Promise<Going> {
  const answer = await fetch(`/api/v1${pathOf(key)}`, { method: 'DELETE' });
  const problem: { going?: Going; detail?: string } = await answer.json();
  if (!problem.going) throw new Failure('unknown', answer.status, problem.detail ?? '');
  return problem.going;
}

export type TraceMessage = Schemas['TraceMessage'];

export interface LastMessage {
  topic: string;
  why: string;
  message: TraceMessage;
}

const topicsAsked = 1000;

/** Topics with readings of the device, newest first. */
export async function getTopicsOf(key: string): Promise<Schemas['TopicItem'][]> {
  const named = await ask<Schemas['TopicPage']>('/topics', {
    query: { q: key, limit: topicsAsked },
  });
  const own = (page: Schemas['TopicPage']) =>
    page.items.filter((item) => item.devices.includes(key));
  let found = own(named);
  // Most devices are called as their topic; others are looked for among all.
  if (found.length === 0) {
    found = own(await ask<Schemas['TopicPage']>('/topics', { query: { limit: topicsAsked } }));
  }
  return found.sort((a, b) => b.t - a.t);
}

/** The newest topic with readings of the device, and the trace of its last message. */
export async function getLastMessage(key: string): Promise<LastMessage | null> {
  const [newest] = await getTopicsOf(key);
  if (!newest) return null;
  const { topic } = newest;
  const trace = await ask<Schemas['Trace']>('/topics/trace', { query: { topic } });
  const message = trace.messages[0];
  return message ? { topic, why: trace.why, message } : null;
}
