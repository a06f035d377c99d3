/** A quantity keeps its colour on every page. Colour belongs to data; the page has none. */
import type { Metric } from '../api/types.ts';
import type { Digits } from '../format/number.ts';

export type Hue = 'temperature' | 'humidity' | 'air' | 'light' | 'pressure' | 'power' | 'other';

const names: [RegExp, Hue][] = [
  [/temp|dew|heat/i, 'temperature'],
  [/humid|moist|rain|water|wet|^rh$/i, 'humidity'],
  [/co2|co₂|voc|pm\d|pm_|air|aqi|dust|gas|nox/i, 'air'],
  [/light|lux|illum|bright|uv|solar/i, 'light'],
  [/press|baro|hpa/i, 'pressure'],
  [/power|volt|batt|current|energy|watt|amp/i, 'power'],
];
const units: Record<string, Hue> = {
  '°C': 'temperature',
  '°F': 'temperature',
  K: 'temperature',
  '%RH': 'humidity',
  ppm: 'air',
  ppb: 'air',
  'µg/m³': 'air',
  lx: 'light',
  hPa: 'pressure',
  Pa: 'pressure',
  bar: 'pressure',
  V: 'power',
  A: 'power',
  W: 'power',
  kWh: 'power',
};

export function hueOf({ name, unit }: Pick<Metric, 'name' | 'unit'>): Hue {
  const byName = names.find(([pattern]) => pattern.test(name));
  return byName?.[1] ?? units[unit ?? ''] ?? 'other';
}

const known: Record<string, string> = {
  co2: 'CO₂',
  pm25: 'PM2.5',
  pm10: 'PM10',
  voc: 'VOC',
  rssi: 'RSSI',
};

/** `soil_moisture` as a title: "Soil moisture". The name itself stays what it is everywhere else. */
export function metricTitle(name: string): string {
  const title = known[name.toLowerCase()];
  if (title) return title;
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The decimals that somebody wants a metric's values to have; none where they are as sent. */
export function digitsOf(metric: Pick<Metric, 'display'>): Digits | undefined {
  const exactly = metric.display?.precision;
  return typeof exactly === 'number' ? { exactly } : undefined;
}
