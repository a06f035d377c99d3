/** Where a chart has to be opened to show what a message said. */
import type { TraceMessage } from '../api/topics.ts';
import { formatTime } from '../format/time.ts';
import { zone } from '../state/prefs.ts';
import { rangeParams } from '../state/range.ts';
import { devicePath } from '../state/url.ts';

const day = 86_400_000;

export interface Then {
  path: string;
  /** The day of the readings, where a chart of the last day would not show them. */
  day: string | null;
}

/** The chart of `device`: as usual where it shows the message's readings, else around them. */
export function chartThen(message: TraceMessage, device: string, now: number): Then {
  const path = devicePath(device);
  const times = message.readings
    .filter((one) => one.device === device && !one.rejected)
    .map((one) => (one.disbelieved ? message.t : (one.t ?? message.t)));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  if (times.length === 0 || now - last <= day) return { path, day: null };
  const { from, to } = rangeParams({ kind: 'fixed', from: first - day / 2, to: last + day / 2 });
  const told = `${formatTime(last, 'date', zone.value)} ${formatTime(last, 'year', zone.value)}`;
  return { path: `${path}&${new URLSearchParams({ from, to: to ?? '' })}`, day: told };
}
