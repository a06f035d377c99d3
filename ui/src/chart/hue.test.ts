import { expect, it } from 'vitest';
import { hueOf, metricTitle } from './hue.ts';

it('a quantity has one colour, by name or by unit', () => {
  expect(hueOf({ name: 'outdoor_temperature', unit: null })).toBe('temperature');
  expect(hueOf({ name: 't1', unit: '°C' })).toBe('temperature');
  expect(hueOf({ name: 'co2', unit: 'ppm' })).toBe('air');
  expect(hueOf({ name: 'load', unit: null })).toBe('other');
});

it('titles are readable', () => {
  expect(metricTitle({ name: 'soil_moisture' })).toBe('Soil moisture');
  expect(metricTitle({ name: 'co2', label: null })).toBe('CO₂');
  expect(metricTitle({ name: 'level_1', label: 'Well level' })).toBe('Well level');
  for (const [name, title] of [
    ['dht11.temperature', 'DHT11 temperature'],
    ['linkquality', 'Link quality'],
    ['battery-voltage', 'Battery voltage'],
    ['pm2_5', 'PM2.5'],
    ['pm10', 'PM10'],
    ['soil_ph', 'Soil pH'],
    ['ph', 'pH'],
    ['wifi_rssi', 'Wi-Fi RSSI'],
    ['ds18b20_temperature', 'DS18B20 temperature'],
    ['freeHeap', 'Free heap'],
    ['temp1', 'Temp1'],
    ['température', 'Température'],
  ])
    expect(metricTitle({ name: name ?? '' })).toBe(title);
});
