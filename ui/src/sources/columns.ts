/** The columns of a table as the page shows them, and the mapping that they make. Pure. */
import type { Mapping, Preview, TimeForm } from '../api/imports.ts';

export const roles = ['time', 'of_day', 'device', 'value', 'names', 'units', 'skip'] as const;
export type Role = (typeof roles)[number];

export interface Column {
  name: string;
  role: Role;
  metric: string;
  unit: string;
  kind: string | null;
}

export interface Table {
  delimiter: string;
  header: boolean;
  decimalComma: boolean;
  columns: Column[];
  form: TimeForm;
  zone: string;
  /** The device of every row, where no column says it. */
  device: string;
}

/** A metric's name out of a header: small letters, digits and `_`. */
export function metricOf(header: string, at: number): string {
  const snake = header
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^[a-z]/.test(snake) ? snake : `value_${at + 1}`;
}

/** What the server made of the beginning of a file. */
export function tableOf(preview: Preview, zone: string, device: string): Table {
  const { mapping } = preview;
  const fields = new Map(mapping?.fields?.map((field) => [field.column, field]));
  const columns = preview.columns.map((guessed, i): Column => {
    const field = fields.get(i + 1);
    return {
      name: guessed.name,
      role: mapping ? roleIn(mapping, i + 1) : roleGuessed(guessed.guess),
      metric: field?.metric ?? guessed.metric ?? metricOf(guessed.name, i),
      unit: field?.unit ?? guessed.unit ?? '',
      kind: field?.kind ?? null,
    };
  });
  return {
    delimiter: preview.delimiter,
    header: preview.header,
    decimalComma: preview.decimal_comma,
    columns,
    form: mapping?.time.form ?? 'iso',
    zone: mapping?.time.zone ?? zone,
    device: mapping?.device.key ?? device,
  };
}

function roleIn({ time, device, fields, long }: Mapping, column: number): Role {
  if (time.column === column) return 'time';
  if (time.of_day === column) return 'of_day';
  if (device.column === column) return 'device';
  if (long?.metric === column) return 'names';
  if (long?.unit === column) return 'units';
  if (long?.value === column) return 'value';
  return fields?.some((field) => field.column === column) ? 'value' : 'skip';
}

const guesses: Record<string, Role> = {
  time: 'time',
  time_of_day: 'of_day',
  device: 'device',
  metric: 'value',
  value: 'value',
  metric_name: 'names',
  unit: 'units',
};

function roleGuessed(guess: string): Role {
  return guesses[guess] ?? 'skip';
}

/** Forms of time that say no zone; counts since 1970 need none. */
export const hasZone = (form: TimeForm) => form === 'iso' || form === 'dmy' || form === 'mdy';

export type TableFault = 'time' | 'device' | 'value' | 'metric' | 'twice';

/** The mapping that the columns make, or what is still missing. */
export function mappingOf(table: Table): { mapping: Mapping } | { fault: TableFault } {
  const at = (role: Role) => {
    const found = table.columns.findIndex((column) => column.role === role);
    return found < 0 ? null : found + 1;
  };
  const single = (['time', 'of_day', 'device', 'names', 'units'] as const).some(
    (role) => table.columns.filter((column) => column.role === role).length > 1,
  );
  if (single) return { fault: 'twice' };
  const time = at('time');
  if (time === null) return { fault: 'time' };
  const [deviceColumn, key] = [at('device'), table.device.trim()];
  if (deviceColumn === null && key === '') return { fault: 'device' };
  const value = at('value');
  if (value === null) return { fault: 'value' };
  const values = table.columns.flatMap((column, i) =>
    column.role === 'value' ? [{ ...column, column: i + 1 }] : [],
  );
  const names = at('names');
  if (names === null && values.some((one) => one.metric.trim() === '')) return { fault: 'metric' };
  if (names !== null && values.length > 1) return { fault: 'twice' };
  const [ofDay, units] = [at('of_day'), at('units')];
  const parts =
    names === null
      ? {
          fields: values.map((one) => ({
            column: one.column,
            metric: one.metric.trim(),
            ...(one.unit.trim() && { unit: one.unit.trim() }),
            ...(one.kind && { kind: one.kind }),
          })),
        }
      : { long: { metric: names, value, ...(units !== null && { unit: units }) } };
  return {
    mapping: {
      delimiter: table.delimiter,
      header: table.header,
      decimal_comma: table.decimalComma,
      time: {
        column: time,
        form: table.form,
        ...(ofDay !== null && { of_day: ofDay }),
        ...(hasZone(table.form) && table.zone && { zone: table.zone }),
      },
      device: deviceColumn === null ? { key } : { column: deviceColumn },
      ...parts,
    },
  };
}

/** Share of an import that was read; null where its size is not known. */
export function shareOf(bytes: number, total: number | null | undefined): number | null {
  return typeof total === 'number' && total > 0 ? Math.min(1, bytes / total) : null;
}

/** "4.2 MB", in powers of ten as file managers say it. */
export function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A device key made of a file's name. */
export function keyOf(fileName: string): string {
  return fileName
    .replace(/\.[a-z0-9]+$/i, '')
    .trim()
    .replace(/[+#\s]+/g, '-');
}
