import { describe, expect, it } from 'vitest';
import type { Device, Status } from '../api/types.ts';
import { compareDevices, isCurrent, lastHeardAt, statusOf } from './status.ts';

function device(part: Partial<Device>): Device {
  const metric = {
    name: 'temperature',
    unit: null,
    unit_source: 'none',
    kind: 'measurement',
    latest: null,
    interval_ms: 10_000,
    first_t: null,
    diagnostic: false,
    display: {},
    stale: false,
  } as const;
  return {
    key: 'k',
    name: 'k',
    status: 'online',
    new: false,
    hidden: false,
    archived: false,
    clients: [],
    hardware: [],
    tags: [],
    last_seen: 0,
    clock_bad: 0,
    created: 0,
    topics: [],
    merged: [],
    version: 1,
    demo: null,
    metrics: [metric],
    ...part,
  };
}

describe('status', () => {
  it('of a sleeper is the word of the server, whatever the silence', () => {
    expect(statusOf(device({ status: 'sleeping' }), 0, 900_000)).toBe('sleeping');
    expect(isCurrent('sleeping')).toBe(true);
    expect(isCurrent('stale')).toBe(false);
  });

  it('is stale after three intervals of silence, and online again with a reading', () => {
    expect(statusOf(device({}), 0, 29_000)).toBe('online');
    expect(statusOf(device({}), 0, 31_000)).toBe('stale');
    expect(statusOf(device({ status: 'stale' }), 30_000, 31_000)).toBe('online');
  });

  it('leaves to the server what only it can know', () => {
    expect(statusOf(device({ status: 'offline' }), 0, 1)).toBe('offline');
    expect(statusOf(device({ metrics: [] }), 0, 1e9)).toBe('online');
  });

  it('sorts the worst first, then the new, then by name', () => {
    const row = (name: string, status: Status, isNew = false) => ({
      device: device({ name, new: isNew }),
      status,
    });
    const rows = [
      row('d', 'online'),
      row('c', 'online', true),
      row('b', 'stale'),
      row('a', 'online'),
      row('e', 'offline'),
    ];
    expect(
      rows
        .sort(compareDevices)
        .map((one) => one.device.name)
        .join(''),
    ).toBe('ebcad');
  });

  it('knows the newest sign of life', () => {
    expect(lastHeardAt(device({ last_seen: 5 }), new Map([['k/temperature', { t: 9 }]]))).toBe(9);
    expect(lastHeardAt(device({ last_seen: null }), new Map())).toBeNull();
  });
});
