/** Which devices of the overview are chosen for a change of many. Nothing is, until somebody asks for it. */
import { signal } from '@preact/signals';

/** Keys; null while nobody chooses. */
export const chosen = signal<ReadonlySet<string> | null>(null);

let last: string | null = null;

/** Chooses or leaves one; with `isRange` all from the one before to it, in the order of the list. */
export function choose(key: string, isChosen: boolean, isRange: boolean, order: string[]): void {
  const next = new Set(chosen.peek());
  const start = isRange && last !== null ? order.indexOf(last) : -1;
  const end = order.indexOf(key);
  const keys =
    start < 0 || end < 0 ? [key] : order.slice(Math.min(start, end), Math.max(start, end) + 1);
  for (const one of keys) {
    if (isChosen) next.add(one);
    else next.delete(one);
  }
  last = key;
  chosen.value = next;
}

export function beginChoosing(): void {
  last = null;
  chosen.value = new Set();
}

export function endChoosing(): void {
  chosen.value = null;
}
