/** One change of a device at a time: it is sent, and the list learns the answer. */
import { useSignal } from '@preact/signals';
import { Failure } from '../api/client.ts';
import type { Device } from '../api/types.ts';
import { t } from '../i18n/index.ts';
import { failureText, loadDevices, putDevice } from '../state/fleet.ts';

export interface Saving {
  isBusy: boolean;
  fault: string | null;
  isSaved: boolean;
  /** Answers whether it was done. */
  save: (change: () => Promise<Device | null>) => Promise<boolean>;
  /** Takes back what was said of the last change. */
  forget: () => void;
}

type Told =
  | { kind: 'quiet' }
  | { kind: 'busy' }
  | { kind: 'saved' }
  | { kind: 'fault'; why: string };

export function useSaving(): Saving {
  const told = useSignal<Told>({ kind: 'quiet' });
  const save = async (change: () => Promise<Device | null>) => {
    if (told.peek().kind === 'busy') return false;
    told.value = { kind: 'busy' };
    try {
      const changed = await change();
      if (changed) putDevice(changed);
      else await loadDevices();
      told.value = { kind: 'saved' };
      return true;
    } catch (error) {
      const isStale = error instanceof Failure && error.status === 412;
      if (isStale) await loadDevices();
      told.value = {
        kind: 'fault',
        why: isStale ? t('form.changed_elsewhere') : failureText(error),
      };
      return false;
    }
  };
  const state = told.value;
  return {
    isBusy: state.kind === 'busy',
    fault: state.kind === 'fault' ? state.why : null,
    isSaved: state.kind === 'saved',
    save,
    forget: () => {
      if (told.peek().kind !== 'busy') told.value = { kind: 'quiet' };
    },
  };
}
