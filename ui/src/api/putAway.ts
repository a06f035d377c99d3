/** Calls about many devices, and about those that are out of the way. */
import { ask } from './client.ts';
import type { components } from './schema.d.ts';
import type { Device } from './types.ts';

type Schemas = components['schemas'];
export type BulkChange = Partial<Schemas['BulkChange']>;
export type BulkFailure = Schemas['BulkFailure'];
export type Ignored = Schemas['Ignored'];
export type Archived = Pick<Device, 'key' | 'name' | 'last_seen' | 'place'>;

/** As many as the server takes at once. */
const atOnce = 1000;

/** One change of any number of devices, some at a time; `tell` hears how many are through. */
export async function changeMany(
  keys: string[],
  change: BulkChange,
  tell: (done: number) => void,
): Promise<{ changed: number; failed: BulkFailure[] }> {
  const all = { changed: 0, failed: [] as BulkFailure[] };
  for (let i = 0; i < keys.length; i += atOnce) {
    const some = keys.slice(i, i + atOnce);
    const body = { keys: some, change };
    const answer = await ask<Schemas['BulkOutcome']>('/devices/bulk', { method: 'POST', body });
    all.changed += answer.changed;
    all.failed.push(...answer.failed);
    tell(i + some.length);
  }
  return all;
}

const archivedMost = 1000;

export const getArchived = async () =>
  (
    await ask<{ items: Archived[] }>('/devices', {
      query: {
        archived: 'only',
        sort: 'name',
        fields: 'name,last_seen,place',
        limit: archivedMost,
      },
    })
  ).items;

export const getIgnored = async () =>
  (await ask<{ items: Ignored[] }>('/inbox/ignored')).items.sort((a, b) => b.since - a.since);

/** Its device comes back with its readings while that is possible. */
export const hearAgain = (key: string) =>
  ask<void>(`/inbox/ignored/${encodeURIComponent(key)}`, { method: 'DELETE' });

export const showAgain = (key: string, change: { archived: false } | { hidden: false }) =>
  ask<Device>(`/devices/${encodeURIComponent(key)}`, { method: 'PATCH', body: change });
