/** A list too long to be drawn: rows in view, and above and below them the space of the others. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Device } from '../api/types.ts';
import { metricsShown } from '../components/DeviceRow.tsx';
import { type Row, Rows } from './DeviceList.tsx';
import { Heights, type Slice, sliceOf } from './slice.ts';

/** Pixels above and below the view that are drawn as well, so that scrolling finds rows. */
const ahead = 600;
/** With fewer left than these, the next are drawn: some rows at once, not one at each frame. */
const least = 250;

export function LongList({ rows }: { rows: Row[] }) {
  const { list, slice } = useSlice(rows);
  return (
    <ul class="devices" ref={list}>
      <Space height={slice.above} />
      <Rows shown={rows.slice(slice.from, slice.to)} rows={rows} from={slice.from} />
      <Space height={slice.below} />
    </ul>
  );
}

/** Stands for the rows that are not drawn. */
function Space({ height }: { height: number }) {
  return <li class="space" aria-hidden="true" style={{ height: `${height}px` }} />;
}

const valuesOf = ({ metrics }: Device) => Math.min(metrics.length, metricsShown + 1);

/** Which rows are in view, while the page scrolls, while rows grow, and while the list changes. */
function useSlice(rows: Row[]) {
  const list = useRef<HTMLUListElement>(null);
  const heights = useMemo(() => new Heights(), []);
  const all = useRef<{ rows: Row[]; px: number[] } | null>(null);
  const slice = useSignal<Slice>({ from: 0, to: 0, above: 0, below: 0 });
  const look = () => {
    const element = list.current;
    const view = element?.closest('.scroll');
    if (!element || !view) return;
    const top = view.getBoundingClientRect().top - element.getBoundingClientRect().top;
    const before = all.current?.rows === rows ? all.current.px : null;
    const known = slice.peek();
    const end = element.offsetHeight - known.below;
    const isAhead =
      (known.from === 0 || known.above <= top - least) &&
      (known.to === rows.length || end >= top + view.clientHeight + least);
    if (before && isAhead && known.to > known.from && known.to <= rows.length) return;
    const px = before ?? rows.map(({ device }) => heights.of(device.key, valuesOf(device)));
    all.current = { rows, px };
    const next = sliceOf(px, top - ahead, top + view.clientHeight + ahead);
    const isSame =
      next.from === known.from &&
      next.to === known.to &&
      next.above === known.above &&
      next.below === known.below;
    if (!isSame) slice.value = next;
  };
  useEffect(() => {
    const view = list.current?.closest('.scroll');
    if (!view) return;
    view.addEventListener('scroll', look, { passive: true });
    const resized = new ResizeObserver(look);
    resized.observe(view);
    return () => {
      view.removeEventListener('scroll', look);
      resized.disconnect();
    };
  }, [rows]);
  useEffect(() => {
    const forget = () => {
      heights.forget();
      all.current = null;
    };
    addEventListener('resize', forget);
    return () => removeEventListener('resize', forget);
  }, []);
  // Also before the first rows are drawn, and after they have shown how high they are.
  useLayoutEffect(() => {
    const drawn = list.current?.querySelectorAll<HTMLElement>('.device') ?? [];
    for (const [i, element] of drawn.entries()) {
      const row = rows[slice.peek().from + i];
      const height = element.getBoundingClientRect().height;
      if (row && heights.learn(row.device.key, valuesOf(row.device), height)) all.current = null;
    }
    look();
  });
  return { list, slice: slice.value };
}
