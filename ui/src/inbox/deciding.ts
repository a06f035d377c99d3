/** Decisions about many new devices, and the way back from each. */
import { Failure } from '../api/client.ts';
import { type BulkFailure, changeMany, hearAgain } from '../api/putAway.ts';
import { ignoreSender } from '../api/settings.ts';

/** What became of them: the keys that are as asked, and why the others are not. */
export interface Decided {
  done: string[];
  failed: BulkFailure[];
}

/** `accepted` false makes them new again. */
export async function acceptMany(keys: readonly string[], accepted: boolean): Promise<Decided> {
  const { failed } = await changeMany([...keys], { accepted }, () => undefined);
  const left = new Set(failed.map((one) => one.key));
  return { done: keys.filter((key) => !left.has(key)), failed };
}

export const ignoreMany = (keys: readonly string[]) => oneByOne(keys, ignoreSender);

/** Their devices come back with their readings while that is possible. */
export const hearManyAgain = (keys: readonly string[]) => oneByOne(keys, hearAgain);

async function oneByOne(
  keys: readonly string[],
  act: (key: string) => Promise<unknown>,
): Promise<Decided> {
  const all: Decided = { done: [], failed: [] };
  for (const key of keys) {
    try {
      await act(key);
      all.done.push(key);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      all.failed.push({ key, code: error.code, detail: error.message });
    }
  }
  return all;
}
