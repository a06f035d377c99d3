/** The last thing that can be taken back, told on the page that the reader lands on. */
import { signal } from '@preact/signals';

export interface Undoable {
  words: string;
  undo: () => Promise<unknown>;
}

export const undoable = signal<Undoable | null>(null);
