/** Reads again and again while a page is looked at: the last answer, and what went wrong since. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { failureText, type Loaded } from './fleet.ts';

export interface Polled<T> extends Loaded<T> {
  /** Reads now instead of at the next turn. */
  again: () => Promise<void>;
}

/** `subject` names what is read: another one begins anew. `null` reads nothing. */
export function usePoll<T>(
  subject: string | null,
  read: () => Promise<T>,
  everyMs: number,
): Polled<T> {
  const loaded = useSignal<Loaded<T> & { of: string | null }>({
    data: null,
    failure: null,
    of: subject,
  });
  const again = async () => {
    const known = loaded.peek();
    const data = known.of === subject ? known.data : null;
    try {
      loaded.value = { data: await read(), failure: null, of: subject };
    } catch (error) {
      loaded.value = { data, failure: failureText(error), of: subject };
    }
  };
  useEffect(() => {
    if (subject === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const turn = async () => {
      if (!document.hidden) await again();
      if (!isOver) timer = setTimeout(turn, everyMs);
    };
    void turn();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [subject]);
  const { data, failure, of } = loaded.value;
  return of === subject ? { data, failure, again } : { data: null, failure: null, again };
}
