/** Calls about tables that people bring. */
import { ask, failureOf } from './client.ts';
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];
export type Import = Schemas['Import'];
export type ImportedDevice = Schemas['ImportedDevice'];
export type Mapping = Schemas['Mapping'];
export type Preview = Schemas['Preview'];
export type TimeForm = Schemas['TimeForm'];
export const timeForms: readonly TimeForm[] = ['iso', 'dmy', 'mdy', 's', 'ms', 'us', 'ns'];

/** So much of a file is looked at before it is brought in. */
const previewBytes = 256 * 1024;

async function send<T>(
  path: string,
  query: Record<string, string>,
  body: Blob,
  signal: AbortSignal | null = null,
): Promise<T> {
  const answer = await fetch(`/api/v1${path}?${new URLSearchParams(query)}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body,
    signal,
  });
  if (!answer.ok) throw await failureOf(answer);
  const data: T = await answer.json();
  return data;
}

/** The beginning of a file as it would be read: by the mapping, or else by a guess. */
export const previewImport = (file: File, mapping: Mapping | null) =>
  send<Preview>(
    '/imports/preview',
    {
      ...(mapping && { mapping: JSON.stringify(mapping) }),
      ...(mapping?.device.key && { device: mapping.device.key }),
    },
    file.slice(0, previewBytes),
  );

/** Brings the whole file in; answers when all of it is durable. */
export const beginImport = (file: File, mapping: Mapping, signal: AbortSignal) =>
  send<Import>('/imports', { mapping: JSON.stringify(mapping), name: file.name }, file, signal);

export const getImports = async () => (await ask<{ items: Import[] }>('/imports')).items;

/** Stops one that runs, forgets one that has ended. */
export const endImport = (id: number) => ask<void>(`/imports/${id}`, { method: 'DELETE' });
