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

/** Words that are written in a way of their own. */
const known: Record<string, string> = {
  co2: 'CO₂',
  eco2: 'eCO₂',
  ph: 'pH',
  pm1: 'PM1',
  pm25: 'PM2.5',
  linkquality: 'link quality',
  wifi: 'Wi-Fi',
  esp32: 'ESP32',
  esp8266: 'ESP8266',
};
const initials = /^(cpu|id|iaq|ip|lqi|nox|rssi|snr|ssid|tvoc|uv|vcc|voc)$/;
/** DHT11, BME280, DS18B20: a few letters and at least two figures are a part's number. */
const partNumber = /^[a-z]{2,3}\d{2,}[a-z\d]*$/;

/** What it was announced as, else its name as a title: `soil_moisture` is "Soil moisture". */
export function metricTitle({ name, label }: Pick<Metric, 'name' | 'label'>): string {
  if (label) return label;
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/pm2_5/g, 'pm25')
    .split(/[\s_.\-/]+/)
    .filter(Boolean)
    .map((word) =>
      initials.test(word) || (!known[word] && partNumber.test(word))
        ? word.toUpperCase()
        : (known[word] ?? word),
    )
    .join(' ');
  return /^(eCO|pH)/.test(words) ? words : words.charAt(0).toUpperCase() + words.slice(1);
}

/** The decimals that somebody wants a metric's values to have; none where they are as sent. */
export function digitsOf(metric: Pick<Metric, 'display'>): Digits | undefined {
  const exactly = metric.display?.precision;
  return typeof exactly === 'number' ? { exactly } : undefined;
}
