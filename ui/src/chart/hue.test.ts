import { expect, it } from 'vitest';
import { hueOf, metricTitle } from './hue.ts';

it('a quantity has one colour, by name or by unit', () => {
  expect(hueOf({ name: 'outdoor_temperature', unit: null })).toBe('temperature');
  expect(hueOf({ name: 't1', unit: '°C' })).toBe('temperature');
  expect(hueOf({ name: 'co2', unit: 'ppm' })).toBe('air');
  expect(hueOf({ name: 'load', unit: null })).toBe('other');
});

it('titles are readable', () => {
  expect(metricTitle('soil_moisture')).toBe('Soil moisture');
  expect(metricTitle('co2')).toBe('CO₂');
});
