/** How a device is doing, from what it last said. Pure; the page's clock is an argument. */
import { type Device, type Status, toStatus } from '../api/types.ts';

/** A device that missed this many of its own intervals is stale. */
const staleAfterIntervals = 3;
/** Below this, lateness is the network's and not the device's. */
const staleAtLeastMs = 3000;

/** Its quickest metric's usual spacing; null until learned. */
export function intervalOf(device: Device): number | null {
  const known = device.metrics.flatMap((metric) => metric.interval_ms ?? []);
  return known.length > 0 ? Math.min(...known) : null;
}

/** The server's word, except that silence since then makes an online device stale. */
export function statusOf(device: Device, lastSeen: number | null, now: number): Status {
  const said = toStatus(device.status);
  if (said !== 'online' && said !== 'stale') return said;
  const interval = intervalOf(device);
  if (lastSeen === null || interval === null) return said;
  const silent = now - lastSeen;
  const late = Math.max(staleAfterIntervals * interval, staleAtLeastMs);
  return silent > late ? 'stale' : 'online';
}

/** A device without any was made by hand and waits for its first message. */
export const hasReadings = (device: Device) => device.metrics.some((metric) => metric.latest);

/** Its newest values are what it has to say: nothing of it is late. */
export const isCurrent = (status: Status) => status === 'online' || status === 'sleeping';

const badness: Record<Status, number> = {
  offline: 0,
  stale: 1,
  online: 3,
  sleeping: 3,
  never_seen: 4,
};

/** Worst first, then what is new, then by name, so that rows keep their place. */
export function compareDevices(
  a: { device: Device; status: Status },
  b: { device: Device; status: Status },
): number {
  const rank = (one: { device: Device; status: Status }) =>
    one.device.new && badness[one.status] > 1 ? 2 : badness[one.status];
  return rank(a) - rank(b) || byName.compare(a.device.name, b.device.name);
}

/** Comparing with one that is there already is ten times as fast as `localeCompare`. */
const byName = new Intl.Collator();

/** When the device was last heard, whichever of list and live link knows better. */
export function lastHeardAt(
  device: Device,
  newest: ReadonlyMap<string, { t: number }>,
): number | null {
  const times = device.metrics.flatMap(
    (metric) => newest.get(`${device.key}/${metric.name}`)?.t ?? [],
  );
  if (typeof device.last_seen === 'number') times.push(device.last_seen);
  return times.length > 0 ? Math.max(...times) : null;
}
