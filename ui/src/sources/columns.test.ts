import { describe, expect, it } from 'vitest';
import type { Mapping, Preview } from '../api/imports.ts';
import { keyOf, mappingOf, metricOf, shareOf, sizeWords, tableOf } from './columns.ts';

const wide: Mapping = {
  delimiter: ';',
  header: true,
  decimal_comma: true,
  time: { column: 1, of_day: 2, form: 'dmy', zone: 'Europe/Berlin' },
  device: { key: 'attic' },
  fields: [
    { column: 3, metric: 'temperature', unit: '°C' },
    { column: 5, metric: 'door', kind: 'state' },
  ],
};
const long: Mapping = {
  delimiter: ',',
  header: true,
  decimal_comma: false,
  time: { column: 4, form: 's' },
  device: { column: 1 },
  long: { metric: 2, value: 3, unit: 5 },
};

function previewOf(mapping: Mapping | null): Preview {
  const names = ['Day', 'Hour', 'Temp (°C)', 'Note', 'Door'];
  return {
    delimiter: mapping?.delimiter ?? ',',
    header: true,
    decimal_comma: mapping?.decimal_comma ?? false,
    columns: names.map((name) => ({ name, guess: 'skip' })),
    rows: [],
    problems: [],
    mapping,
    readings: [],
    errors: [],
  };
}

describe('columns', () => {
  it('give back the mapping that they came from', () => {
    for (const mapping of [wide, long]) {
      expect(mappingOf(tableOf(previewOf(mapping), 'UTC', ''))).toEqual({ mapping });
    }
  });

  it('say what is missing', () => {
    const table = tableOf(previewOf(null), 'UTC', '');
    expect(mappingOf(table)).toEqual({ fault: 'time' });
    const set = (roles: Record<number, 'time' | 'value' | 'device' | 'names'>, device = '') => ({
      ...table,
      device,
      columns: table.columns.map((one, i) => ({ ...one, role: roles[i] ?? ('skip' as const) })),
    });
    expect(mappingOf(set({ 0: 'time' }))).toEqual({ fault: 'device' });
    expect(mappingOf(set({ 0: 'time' }, 'attic'))).toEqual({ fault: 'value' });
    expect(mappingOf(set({ 0: 'time', 1: 'time' }, 'attic'))).toEqual({ fault: 'twice' });
    expect(mappingOf(set({ 0: 'time', 2: 'value' }, 'attic'))).toMatchObject({
      mapping: { fields: [{ column: 3, metric: 'temp_c' }], time: { zone: 'UTC' } },
    });
    expect(mappingOf(set({ 0: 'time', 1: 'names', 2: 'value', 4: 'value' }, 'x'))).toEqual({
      fault: 'twice',
    });
  });

  it('get names that a metric may have', () => {
    expect(metricOf('Relative Humidity %', 0)).toBe('relative_humidity');
    expect(metricOf('2 m', 3)).toBe('value_4');
    expect(keyOf('cold store.2024.csv')).toBe('cold-store.2024');
  });
});

it('sizes and shares are told as people say them', () => {
  expect(sizeWords(999)).toBe('999 B');
  expect(sizeWords(4_210_000)).toBe('4.2 MB');
  expect(sizeWords(123_000_000)).toBe('123 MB');
  expect(shareOf(5, 10)).toBe(0.5);
  expect(shareOf(11, 10)).toBe(1);
  expect(shareOf(1, null)).toBeNull();
});
