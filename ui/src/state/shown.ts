/**
 * Values in the units that people chose. Answers carry what the device sends; they are
 * converted here, at the door, so that no chart has to know.
 */
import type { Device, RawColumns, Windows } from '../api/types.ts';

interface Line {
  scale: number;
  offset: number;
}

const lines = new Map<string, Line>();

/** Learns how a device is shown, and answers it so. */
export function learnShown(device: Device): Device {
  return {
    ...device,
    metrics: device.metrics.map((metric) => {
      const name = `${device.key}/${metric.name}`;
      const { conversion, display, latest, unit } = metric;
      if (!conversion || !display?.unit) {
        lines.delete(name);
        return metric;
      }
      lines.set(name, conversion);
      const shown = latest ? { ...latest, v: convert(conversion, latest.v) } : null;
      return { ...metric, own_unit: unit ?? null, unit: display.unit, latest: shown };
    }),
  };
}

/** As many digits as a sensor could mean: 20.5 °C is 68.9 °F, not 68.89999999999999. */
const digits = 12;

function convert<T>({ scale, offset }: Line, value: T): T | number {
  return typeof value === 'number' ? Number((value * scale + offset).toPrecision(digits)) : value;
}

export function shownColumns(name: string, columns: RawColumns): RawColumns {
  const line = lines.get(name);
  return line ? { ...columns, v: columns.v.map((value) => convert(line, value)) } : columns;
}

export function shownWindows<T extends Windows>(item: T): T {
  const name = `${item.device}/${item.metric}`;
  const line = lines.get(name);
  if (!line) return item;
  const all = (values: (number | null)[]) => values.map((value) => convert(line, value));
  // A line that falls swaps what is least and what is most.
  const [min, max] = line.scale < 0 ? [item.max, item.min] : [item.min, item.max];
  return {
    ...item,
    min: all(min),
    max: all(max),
    avg: all(item.avg),
    raw: item.raw && shownColumns(name, item.raw),
  };
}
