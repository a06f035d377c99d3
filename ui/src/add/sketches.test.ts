import { describe, expect, it } from 'vitest';
import {
  arduinoSketch,
  curlLine,
  esphomeLines,
  hostMissing,
  onBoard,
  reachOf,
  tasmotaLine,
  topicFault,
  wordOf,
} from './sketches.ts';

const reach = {
  host: '192.168.1.10',
  port: 1883,
  http: 'http://192.168.1.10:8080',
  topic: 'home/kitchen/climate',
};

describe('what goes onto a board', () => {
  it('has host and topic filled in', () => {
    expect(arduinoSketch(reach)).toContain('host[] = "192.168.1.10";');
    expect(arduinoSketch(reach)).toContain('topic[] = "home/kitchen/climate";');
    expect(arduinoSketch({ ...reach, topic: 'a"b\\c' })).toContain('topic[] = "a\\"b\\\\c";');
    expect(esphomeLines(reach)).toContain('topic_prefix: "home/kitchen"');
    expect(esphomeLines({ ...reach, topic: 'kitchen' })).toContain('topic_prefix: "kitchen"');
    expect(tasmotaLine(reach)).toContain('Topic kitchen;');
    expect(curlLine({ ...reach, topic: "o'brien/a b" })).toContain(
      "'http://192.168.1.10:8080/api/v1/ingest/o'\\''brien/a%20b'",
    );
  });

  it('never leads a board to itself', () => {
    for (const host of ['127.0.0.1', 'localhost', '::1']) {
      const lines = arduinoSketch(onBoard({ ...reach, host }));
      expect(lines).not.toContain(host);
      expect(lines).toContain(hostMissing);
    }
    expect(onBoard(reach)).toEqual(reach);
  });

  it('names the device by one word', () => {
    expect(wordOf('home/Living Room/climate')).toBe('living-room');
    expect(wordOf('shed')).toBe('shed');
    expect(wordOf('///')).toBe('board');
  });

  it('refuses topics that nobody can publish to', () => {
    expect(topicFault('home/+/x')).toBe('wildcard');
    expect(topicFault(' ')).toBe('empty');
    expect(topicFault('$SYS/x')).toBe('dollar');
    expect(topicFault('a'.repeat(300))).toBe('long');
    expect(topicFault('home/kitchen/climate')).toBeNull();
  });

  it('uses the address by which others reach this page', () => {
    const mqtt = ['mqtt://127.0.0.1:1884', 'mqtt://192.168.1.10:1884'];
    const here = new URL('http://127.0.0.1:8080/add');
    expect(reachOf(mqtt, here, 'x')).toMatchObject({ host: '192.168.1.10', port: 1884 });
    expect(reachOf(mqtt, here, 'x').http).toBe('http://192.168.1.10:8080');
    const there = new URL('https://sensors.lan/add');
    expect(reachOf(mqtt, there, 'x')).toMatchObject({
      host: 'sensors.lan',
      http: 'https://sensors.lan',
    });
    expect(reachOf([], here, 'x')).toMatchObject({ host: '127.0.0.1', port: 1883 });
  });
});
