/** The devices that the overview lists just now: all, or those that somebody looks for. */
import { computed } from '@preact/signals';
import type { Device } from '../api/types.ts';
import { shownDevices } from '../state/fleet.ts';
import { query } from '../state/url.ts';

export const sought = computed(() => query.value.get('q') ?? '');

export const listedNow = computed(() => {
  const text = sought.value;
  return text.trim() === ''
    ? shownDevices.value
    : shownDevices.value.filter((device) => isMeant(device, text));
});

/** Whether a device is meant by what somebody typed: every word is part of something that it is called. */
export function isMeant(device: Device, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { key, name, place, group, tags } = device;
  const called = [key, name, place, group, ...tags].join('\n').toLowerCase();
  return words.every((word) => called.includes(word));
}
