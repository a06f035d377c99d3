/** The devices of the overview, worst first. Of a long list only the rows in view are there and are heard live. */
import { computed } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { subscribe } from '../api/live.ts';
import { type Device, type Status, toStatus } from '../api/types.ts';
import { DeviceRow } from '../components/DeviceRow.tsx';
import { lazily } from '../components/lazily.tsx';
import { now } from '../state/clock.ts';
import { latest } from '../state/fleet.ts';
import { compareDevices, lastHeardAt, statusOf } from '../state/status.ts';
import { choose, chosen } from './choosing.ts';

export interface Row {
  device: Device;
  status: Status;
}

/** From so many rows on only those in view are drawn, and their order is the one of the last list. */
const many = 200;
/** A reader who scrolls passes rows by; they are heard once the list rests. */
const restMs = 150;
const LongList = lazily(async () => (await import('./LongList.tsx')).LongList);

/** Sorted anew only when a status changes, so that a tick of the clock moves nothing. */
export function useSortedDevices(shown: Device[]): Row[] {
  const isMany = shown.length > many;
  const statuses = useStatuses(isMany ? none : shown);
  return useMemo(
    () =>
      shown
        .map((device, i) => ({
          device,
          status: isMany ? toStatus(device.status) : (statuses[i] ?? toStatus(device.status)),
        }))
        .sort(compareDevices),
    [shown, statuses],
  );
}

const none: Device[] = [];

/** How each is doing now. The same array as long as nothing has changed. */
function useStatuses(devices: Device[]): Status[] {
  const words = useMemo(
    () =>
      computed(() =>
        devices
          .map((device) => statusOf(device, lastHeardAt(device, latest.value), now.value))
          .join(),
      ),
    [devices],
  ).value;
  return useMemo(() => (words ? words.split(',').map(toStatus) : []), [words]);
}

export function DeviceList({ rows }: { rows: Row[] }) {
  if (rows.length > many) return <LongList rows={rows} />;
  return (
    <ul class="devices">
      <Rows shown={rows} rows={rows} from={null} />
    </ul>
  );
}

interface RowsProps {
  shown: Row[];
  rows: Row[];
  /** Where `shown` begins, where it is not all. */
  from: number | null;
}

export function Rows({ shown, rows, from }: RowsProps) {
  useHearing(shown, from !== null);
  // Between two lists the rows in view are heard live, so their silence is known.
  const statuses = useStatuses(from === null ? none : shown.map((row) => row.device));
  const keys = chosen.value;
  const before = useRef(new Map<string, Drawn>());
  const drawn = shown.map(({ device, ...row }, i): Drawn => {
    const status = statuses[i] ?? row.status;
    const at = from === null ? null : from + i + 1;
    const known = before.current.get(device.key);
    const isSame = known?.device === device && known.status === status && known.at === at;
    if (isSame && known.of === rows.length && !keys && !known.isChoosing) return known;
    const choice = keys && {
      isChosen: keys.has(device.key),
      set: (isChosen: boolean, isRange: boolean) =>
        choose(
          device.key,
          isChosen,
          isRange,
          rows.map((one) => one.device.key),
        ),
    };
    const place = at === null ? null : { at, of: rows.length };
    const props = { device, status, place, choice };
    const element = <DeviceRow key={device.key} {...props} />;
    return { device, status, at, of: rows.length, isChoosing: choice !== null, element };
  });
  before.current = new Map(drawn.map((one) => [one.device.key, one]));
  return <>{drawn.map((one) => one.element)}</>;
}

/** A row as it was drawn. The same element again is left as it stands, which makes scrolling cheap. */
interface Drawn {
  device: Device;
  status: Status;
  at: number | null;
  of: number;
  isChoosing: boolean;
  element: JSX.Element;
}

/** Subscribes to the rows that are there. */
function useHearing(rows: Row[], isMany: boolean): void {
  const leave = useRef<() => void>(() => undefined);
  const series = rows.flatMap(({ device }) =>
    device.metrics.map((metric) => ({ device: device.key, metric: metric.name })),
  );
  const names = series.map((one) => `${one.device}/${one.metric}`).join('\n');
  useEffect(() => {
    const hear = () => {
      const before = leave.current;
      leave.current = subscribe(series);
      before();
    };
    if (!isMany) return hear();
    const timer = setTimeout(hear, restMs);
    return () => clearTimeout(timer);
  }, [names, isMany]);
  useEffect(() => () => leave.current(), []);
}
