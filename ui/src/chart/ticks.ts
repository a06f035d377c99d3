/** Where the time axis has its marks, and what they say, in the zone on screen. */
import { formatTime } from '../format/time.ts';
import { clockParts, instantOf, offsetAt, type Zone } from '../format/zone.ts';

export interface Tick {
  time: number;
  label: string;
  /** Said once at the first tick and wherever it changes: the day, or the year. */
  context: string | null;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const distances = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14].map((n) => n * DAY),
];
const monthDistances = [1, 2, 3, 6, 12, 24, 60];
const labelPx = 76;

/** Marks for `width` pixels, far enough apart to be read. */
export function timeTicks(from: number, to: number, width: number, zone: Zone): Tick[] {
  const most = Math.max(2, Math.floor(width / labelPx));
  const apart = distances.find((distance) => (to - from) / distance <= most + 0.5);
  if (apart === undefined) return monthTicks(from, to, most, zone);
  const times =
    apart >= DAY ? dayTimes(from, to, apart / DAY, zone) : clockTimes(from, to, apart, zone);
  return labelled(times, apart, zone);
}

/** Round clock readings. A jump of the clocks bends the axis and not the labels. */
function clockTimes(from: number, to: number, apart: number, zone: Zone): number[] {
  const times: number[] = [];
  let local = Math.ceil((from + offsetAt(from, zone)) / apart) * apart;
  for (let guard = 0; guard < 500; guard++, local += apart) {
    const time = apart < HOUR ? local - offsetAt(from, zone) : instantOf(local, zone);
    if (time > to) break;
    if (time >= from && time !== times.at(-1)) times.push(time);
  }
  return times;
}

/** Local midnights: every one, every second, or every Monday. */
function dayTimes(from: number, to: number, days: number, zone: Zone): number[] {
  const times: number[] = [];
  const parts = clockParts(from, zone);
  for (let day = 0; day < 800; day++) {
    const local = Date.UTC(parts.year, parts.month, parts.day + day);
    const time = instantOf(local, zone);
    if (time > to) break;
    const sinceMonday = Math.round(local / DAY) + 3;
    if (time >= from && sinceMonday % days === 0) times.push(time);
  }
  return times;
}

function monthTicks(from: number, to: number, most: number, zone: Zone): Tick[] {
  const months = (to - from) / (30.4 * DAY);
  const apart = monthDistances.find((distance) => months / distance <= most) ?? 120;
  const start = clockParts(from, zone);
  const ticks: Tick[] = [];
  let year: string | null = null;
  for (let n = 0; n < 4000; n++) {
    const local = Date.UTC(start.year, n, 1);
    const time = instantOf(local, zone);
    if (time > to) break;
    if (time < from || n % apart !== 0) continue;
    const said = formatTime(time, 'year', zone);
    ticks.push({
      time,
      label: formatTime(time, 'month', zone),
      context: said === year ? null : said,
    });
    year = said;
  }
  return ticks;
}

function labelled(times: number[], apart: number, zone: Zone): Tick[] {
  const style =
    apart >= DAY ? 'date' : apart >= MINUTE ? 'clock' : apart >= SECOND ? 'second' : 'milli';
  let said: string | null = null;
  return times.map((time) => {
    const context = formatTime(time, apart >= DAY ? 'year' : 'day', zone);
    const tick = {
      time,
      label: formatTime(time, style, zone),
      context: context === said ? null : context,
    };
    said = context;
    return tick;
  });
}
