import { describe, expect, it } from 'vitest';
import type { Broker } from '../api/sources.ts';
import words from '../i18n/en.sources.json';
import { addWords } from '../i18n/index.ts';
import { nameFor, readAddress } from './address.ts';
import {
  bodyOf,
  draftOf,
  faultBefore,
  faultOf,
  freshDraft,
  withEncryption,
  withHost,
} from './draft.ts';
import { clockWords, heardWords } from './Nodes.tsx';
import { branchesOf, takes } from './topics.ts';

describe('an address', () => {
  it('is taken apart however it is pasted', () => {
    expect(readAddress('mqtts://ann:s%40fe@abc.s1.eu.hivemq.cloud:8883/')).toEqual({
      host: 'abc.s1.eu.hivemq.cloud',
      port: 8883,
      tls: true,
      username: 'ann',
      password: 's@fe',
    });
    expect(readAddress(' 192.168.1.5:1884 ')).toMatchObject({ host: '192.168.1.5', port: 1884 });
    expect(readAddress('broker.lan:8883').tls).toBe(true);
    expect(readAddress('wss://abc.hivemq.cloud:8884/mqtt')).toMatchObject({
      host: 'abc.hivemq.cloud',
      port: null,
      tls: true,
    });
    expect(readAddress('mqtt://[fe80::1]:1883')).toMatchObject({ host: 'fe80::1', port: 1883 });
    expect(readAddress('fe80::1')).toMatchObject({ host: 'fe80::1', port: null, tls: null });
    expect(readAddress('').host).toBe('');
  });

  it('gives a name that is free', () => {
    expect(nameFor('abc.s1.eu.hivemq.cloud', [])).toBe('hivemq_cloud');
    expect(nameFor('Greenhouse-Pi.local', [])).toBe('greenhouse_pi');
    expect(nameFor('192.168.1.5', ['broker_192_168_1_5'])).toBe('broker_192_168_1_5_2');
    expect(nameFor('mqtt.example.org', ['mqtt_2'])).toBe('mqtt_3');
    expect(nameFor('4711', [])).toBe('broker');
  });
});

describe('topic filters', () => {
  it('take what MQTT says', () => {
    expect(takes('home/+/temp', 'home/kitchen/temp')).toBe(true);
    expect(takes('home/#', 'home')).toBe(true);
    expect(takes('home/+', 'home/kitchen/temp')).toBe(false);
    expect(takes('home/+/temp', 'home/kitchen')).toBe(false);
    expect(takes('#', '$SYS/uptime')).toBe(false);
  });

  it('are offered where topics fork', () => {
    expect(branchesOf(['a/x/1', 'a/y/2', 'a/y/3'])).toEqual([
      { filter: 'a/y/#', topics: 2 },
      { filter: 'a/x/1', topics: 1 },
    ]);
    expect(branchesOf(['a', 'a/b', 'c/d'])[0]).toEqual({ filter: 'a/#', topics: 2 });
    expect(branchesOf(['s/c/t', 's/c/h', 'n/x'])[0]).toEqual({ filter: 's/c/#', topics: 2 });
    expect(branchesOf(['one'])).toEqual([{ filter: 'one', topics: 1 }]);
    expect(branchesOf([])).toEqual([]);
    for (const branch of branchesOf(['h/a/t', 'h/a/h', 'h/b', 'k'])) {
      expect(['h/a/t', 'h/a/h', 'h/b', 'k'].some((topic) => takes(branch.filter, topic))).toBe(
        true,
      );
    }
  });
});

describe('the form of a broker', () => {
  it('fills itself from a pasted address, and sends no more than it was given', () => {
    const draft = withHost({ ...freshDraft('mosquitto'), name: 'pi' }, 'mqtts://pi.lan');
    expect(draft).toMatchObject({ host: 'pi.lan', port: '8883', isEncrypted: true });
    expect(bodyOf(draft, true)).toEqual({
      name: 'pi',
      host: 'pi.lan',
      port: 8883,
      tls: { enabled: true },
      protocol: '3.1.1',
      filters: [{ filter: '#', qos: 1 }],
    });
    expect(withEncryption(draft, false).port).toBe('1883');
    expect(withEncryption({ ...draft, port: '1900' }, false).port).toBe('1900');
  });

  it('keeps a password that was not typed again, and takes it away with its user', () => {
    const broker = {
      name: 'pi',
      host: 'pi.lan',
      port: 1883,
      username: 'ann',
      has_password: true,
      filters: [{ filter: 'home/#', qos: 0 }],
    } as Broker;
    const draft = draftOf(broker);
    expect(bodyOf(draft, false)).not.toHaveProperty('password');
    expect(bodyOf({ ...draft, username: '' }, false)).toMatchObject({ username: '', password: '' });
    expect(bodyOf(draft, false).filters).toEqual([{ filter: 'home/#', qos: 0 }]);
  });

  it('says what is wrong at the field that it is about', () => {
    expect(faultBefore(freshDraft('broker'))?.member).toBe('host');
    expect(faultBefore({ ...freshDraft('hivemq'), host: 'a' })?.member).toBe('username');
    expect(faultBefore({ ...freshDraft('broker'), host: 'a', port: '0' })?.kind).toBe('port');
    expect(faultBefore({ ...freshDraft('broker'), host: 'a' })).toBeNull();
    const said = (message: string, code = 'broker_invalid') => faultOf({ message, code }).member;
    expect(said('filters[0].filter: a # stands last')).toBe('filters');
    expect(said('tls.server_name: 1 to 256 bytes')).toBe('tls');
    expect(said('there are 16 external brokers already')).toBeNull();
    expect(said('an external broker is called "pi" already', 'broker_exists')).toBe('name');
  });
});

describe('servers that share the store', () => {
  addWords(words);
  const node = {
    number: 2,
    own: false,
    http: 'http://10.0.0.5:8080',
    version: '0.1.0',
    seen: 0,
    silent_ms: 900,
    clock_skew_ms: -20,
    lag_ms: null,
  };

  it('are heard, or silent for so long', () => {
    expect(heardWords(node)).toBe('just now');
    expect(heardWords({ ...node, silent_ms: 90_000 })).toContain('silent for');
  });

  it('have clocks that agree, or are apart', () => {
    expect(clockWords(node)).toBe('agrees');
    expect(clockWords({ ...node, clock_skew_ms: 2_000 })).toContain('ahead');
    expect(clockWords({ ...node, clock_skew_ms: -2_000 })).toContain('behind');
    expect(clockWords({ ...node, own: true, clock_skew_ms: 2_000 })).toBe('agrees');
  });
});
