/**
 * Which rows of a long list stand on the page. Rows differ in height: one that was drawn is as high as it was, one that was
 * not is taken for as high as the last one with as many values. Pure; a list of 10,000 takes well under a millisecond.
 */

export interface Slice {
  from: number;
  /** Exclusive. */
  to: number;
  /** Pixels of what stands above `from`, and of what follows. */
  above: number;
  below: number;
}

const usualHeight = 92;

export class Heights {
  readonly #drawn = new Map<string, number>();
  readonly #alike = new Map<number, number>();

  /** Learns how high a row is; answers whether that is new. */
  learn(key: string, values: number, height: number): boolean {
    if (height === 0 || this.#drawn.get(key) === height) return false;
    this.#drawn.set(key, height);
    this.#alike.set(values, height);
    return true;
  }

  /** Another width makes other heights. */
  forget(): void {
    this.#drawn.clear();
    this.#alike.clear();
  }

  of(key: string, values: number): number {
    return this.#drawn.get(key) ?? this.#alike.get(values) ?? usualHeight;
  }
}

/** The rows between `top` and `bottom`, pixels from the top of the list. */
export function sliceOf(heights: readonly number[], top: number, bottom: number): Slice {
  let [y, from, above, to, end] = [0, -1, 0, 0, 0];
  for (let i = 0; i < heights.length; i++) {
    const below = y + (heights[i] ?? 0);
    if (from < 0 && below > top) [from, above] = [i, y];
    if (from >= 0 && y < bottom) [to, end] = [i + 1, below];
    y = below;
  }
  if (from < 0) return { from: heights.length, to: heights.length, above: y, below: 0 };
  // What ends above `bottom` has at least one row.
  if (to <= from) [to, end] = [from, above];
  return { from, to, above, below: y - end };
}
