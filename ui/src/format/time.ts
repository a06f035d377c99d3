/** Times and durations in words. Formatters are kept: building one costs a millisecond. */
import { locale, t } from '../i18n/index.ts';
import type { Zone } from './zone.ts';

type Style =
  | 'clock'
  | 'second'
  | 'milli'
  | 'day'
  | 'date'
  | 'month'
  | 'year'
  | 'full'
  | 'fullMilli';

const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
const second = { ...clock, second: '2-digit' } as const;
const date = { day: 'numeric', month: 'short' } as const;
const styles: Record<Style, Intl.DateTimeFormatOptions> = {
  clock,
  second,
  milli: { ...second, fractionalSecondDigits: 3 },
  day: { weekday: 'short', ...date },
  date,
  month: { month: 'short' },
  year: { year: 'numeric' },
  full: { weekday: 'short', ...date, ...second },
  fullMilli: { ...date, ...second, fractionalSecondDigits: 3 },
};
const kept = new Map<string, Intl.DateTimeFormat>();

export function formatTime(time: number, style: Style, zone: Zone): string {
  const id = style + zone;
  let formatter = kept.get(id);
  if (!formatter) {
    const options = zone === 'utc' ? { ...styles[style], timeZone: 'UTC' } : styles[style];
    formatter = new Intl.DateTimeFormat(locale, options);
    kept.set(id, formatter);
  }
  return formatter.format(time);
}

/** The zone's own name, such as "Europe/Berlin". */
export function zoneName(zone: Zone): string {
  return zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const units = [
  ['unit.d', 86_400_000],
  ['unit.h', 3_600_000],
  ['unit.min', 60_000],
  ['unit.s', 1000],
] as const;

/** "5 h", "12 min", "1 h 10 min": the two largest units, the second only where it matters. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return t('unit.ms', { n: Math.max(0, Math.round(ms)) });
  for (let i = 0; i < units.length; i++) {
    const unit = units[i];
    if (!unit || ms < unit[1]) continue;
    const whole = Math.floor(ms / unit[1]);
    const next = units[i + 1];
    const rest = next ? Math.floor((ms - whole * unit[1]) / next[1]) : 0;
    const head = t(unit[0], { n: whole });
    return whole < 3 && rest > 0 && next ? `${head} ${t(next[0], { n: rest })}` : head;
  }
  return '';
}

/** The largest unit alone: "2 h" for anything up to three hours. */
export function formatCoarse(ms: number): string {
  const unit = units.find(([, size]) => ms >= size);
  return unit ? t(unit[0], { n: Math.floor(ms / unit[1]) }) : formatDuration(ms);
}

/** A step as it is named in a footer: exact, one unit. */
export function formatStep(ms: number): string {
  for (const [name, size] of units) {
    if (ms >= size && ms % size === 0) return t(name, { n: ms / size });
  }
  return t('unit.ms', { n: ms });
}

/** "12 s ago"; under two seconds it is "now". */
export function formatAge(ms: number): string {
  return ms < 2000
    ? t('age.now')
    : t('age.ago', { duration: ms < 3_600_000 ? formatCoarse(ms) : formatDuration(ms) });
}

/** Local clock reading as `<input type=datetime-local>` wants it. */
export function toInputValue(time: number, offset: number): string {
  return new Date(time + offset).toISOString().slice(0, 19);
}
