import { expect, it } from 'vitest';
import { devicePath, routeOf, withKept } from './url.ts';

it('routes are known by their path', () => {
  expect(routeOf('/')).toBe('overview');
  expect(routeOf('/device')).toBe('device');
  expect(routeOf('/inbox/')).toBe('inbox');
  expect(routeOf('/topics')).toBe('topics');
  expect(routeOf('/nowhere')).toBe('unknown');
});

it('theme and zone travel along, nothing else does', () => {
  const from = new URLSearchParams('theme=dark&zone=utc&from=now-1h&key=a');
  expect(withKept('/inbox', from)).toBe('/inbox?theme=dark&zone=utc');
  expect(withKept(devicePath('esp32/dht'), from)).toBe(
    '/device?key=esp32%2Fdht&theme=dark&zone=utc',
  );
  expect(withKept('/', new URLSearchParams())).toBe('/');
});
