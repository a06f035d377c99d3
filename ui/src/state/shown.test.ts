import { expect, it } from 'vitest';
import type { Device, Windows } from '../api/types.ts';
import { learnShown, shownColumns, shownWindows } from './shown.ts';

const metric = {
  name: 't',
  unit: '°C',
  unit_source: 'payload',
  kind: 'measurement',
  latest: { t: 5, v: 20.5, q: 0 },
  display: { unit: '°F', precision: 1 },
  conversion: { scale: 1.8, offset: 32 },
};
const windows = {
  device: 'd',
  metric: 't',
  min: [0, null],
  max: [100, null],
  avg: [10, null],
  raw: { t: [1, 2], v: [20.5, null], q: [0, 2] },
} as unknown as Windows;
const device = (one: object) => ({ key: 'd', metrics: [one] }) as unknown as Device;

it('values come in the unit that was chosen, and as they were sent without one', () => {
  const shown = learnShown(device(metric)).metrics[0];
  expect(shown).toMatchObject({ unit: '°F', own_unit: '°C', latest: { t: 5, v: 68.9 } });
  expect(shownWindows(windows)).toMatchObject({
    min: [32, null],
    max: [212, null],
    avg: [50, null],
    raw: { v: [68.9, null] },
  });
  expect(shownColumns('d/t', { t: [1], v: [true] }).v).toEqual([true]);
  expect(shownColumns('d/other', { t: [1], v: [20.5] }).v).toEqual([20.5]);

  learnShown(device({ ...metric, conversion: { scale: -1, offset: 0 } }));
  expect(shownWindows(windows)).toMatchObject({ min: [-100, null], max: [0, null] });

  expect(learnShown(device({ ...metric, conversion: null, display: {} })).metrics[0]?.unit).toBe(
    '°C',
  );
  expect(shownWindows(windows)).toBe(windows);
});
