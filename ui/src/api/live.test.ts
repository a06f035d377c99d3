import { expect, it } from 'vitest';
import { retryDelay, seriesName } from './live.ts';

it('waits twice as long each time, up to 15 s, with jitter', () => {
  expect(retryDelay(0, 0)).toBe(250);
  expect(retryDelay(0, 1)).toBe(500);
  expect(retryDelay(3, 1)).toBe(4000);
  expect(retryDelay(20, 1)).toBe(15_000);
  expect(retryDelay(20, 0)).toBe(7500);
});

it('names a series as live messages do', () => {
  expect(seriesName({ device: 'esp32/dht', metric: 'temperature' })).toBe('esp32/dht/temperature');
});
