/** How values are written: as many digits as the sensor sent, never more than help. */
import type { Value } from '../api/types.ts';
import { locale, t } from '../i18n/index.ts';

const byDigits = new Map<number, Intl.NumberFormat>();

/** Building a formatter is slow enough to show in a profile, so each is built once. */
function formatter(digits: number): Intl.NumberFormat {
  const known = byDigits.get(digits);
  if (known) return known;
  const made = new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: 'negative',
  });
  byDigits.set(digits, made);
  return made;
}

/** Decimals that the number was sent with, at most 3. */
export function decimalsSent(value: number): number {
  for (let digits = 0; digits < 3; digits++) {
    const scaled = value * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-9 * Math.max(1, Math.abs(scaled))) return digits;
  }
  return 3;
}

/** Decimals as they were sent, or exactly so many because somebody wants it. */
export type Digits = number | { exactly: number };

/** Decimals to show: `sent`, but no more than about four figures in all. */
export function decimalsShown(value: number, sent: number): number {
  const size = Math.abs(value);
  if (size === 0) return 0;
  const most = size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0;
  return Math.min(sent, most);
}

export function formatNumber(value: number, sent: Digits = decimalsSent(value)): string {
  if (typeof sent !== 'number') return formatter(sent.exactly).format(value);
  if (value !== 0 && Math.abs(value) >= 1e9) {
    return value.toExponential(3).replace('e+', 'e');
  }
  return formatter(decimalsShown(value, sent)).format(value);
}

export function formatCount(count: number): string {
  return formatter(0).format(count);
}

/** Any reading's value as words or figures. */
export function formatValue(value: Value, sent?: Digits): string {
  if (value === null) return t('value.bad');
  if (typeof value === 'boolean') return t(value ? 'value.on' : 'value.off');
  if (typeof value === 'string') return value;
  return formatNumber(value, sent);
}

/** A state that was sent as 0 or 1 reads as off or on. */
export function formatState(value: Value): string {
  if (value === 1) return t('value.on');
  if (value === 0) return t('value.off');
  return formatValue(value);
}

/** The number by which a value is drawn; `null` when it has no place on a number line. */
export function toNumber(value: Value | undefined): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}
