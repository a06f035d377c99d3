import { describe, expect, it } from 'vitest';
import type { RuleSpec } from '../api/topics.ts';
import { bareSpec, draftOf, emptyField, parseSpec, specOf } from './draft.ts';
import { isFilled } from './trial.ts';

const full: RuleSpec = {
  name: 'Greenhouse',
  match: 'greenhouse/{device}/data',
  format: 'json',
  time: { path: 'meta.t', unit: 's', zone: 'Europe/Berlin' },
  device: { path: 'meta.mac', fallback: '{device}' },
  fields: [
    {
      path: 'sensors.*.temp',
      metric: 'temperature',
      unit: '°C',
      kind: 'measurement',
      scale: 0.1,
      offset: -0.4,
      valid: [-40, 80],
      bad: [85, -127],
    },
    { path: 'batt', metric: 'battery' },
  ],
};

describe('a rule on the form', () => {
  it('comes back as it went in', () => {
    expect(specOf(draftOf(full))).toEqual({ spec: full, mistakes: {} });
    const csv: RuleSpec = {
      match: 'a/{device}',
      format: 'csv',
      time: { path: '1' },
      fields: [{ column: 2, metric: 'humidity', unit: '%' }],
    };
    expect(specOf(draftOf(csv)).spec).toEqual(csv);
    const routed: RuleSpec = { match: 'a/#', route_only: true };
    expect(specOf(draftOf(routed)).spec).toEqual(routed);
    const bare: RuleSpec = { match: 'a/b', format: 'number', fields: [{ metric: 'co2' }] };
    expect(specOf(draftOf(bare)).spec).toEqual(bare);
  });

  it('columns mean CSV, also where the rule leaves the format open', () => {
    const { spec } = specOf(draftOf({ match: 'a', fields: [{ column: 1, metric: 'x' }] }));
    expect(spec).toEqual({ match: 'a', format: 'csv', fields: [{ column: 1, metric: 'x' }] });
  });

  it('is tried once it says something', () => {
    expect(isFilled(bareSpec('a/b'))).toBe(false);
    expect(isFilled({ match: '' })).toBe(false);
    expect(isFilled({ match: 'a/b' })).toBe(true);
    expect(isFilled({ match: 'a/b', fields: [{ path: 't', metric: '' }] })).toBe(true);
    expect(isFilled({ match: 'a/b', fields: [{ metric: 't' }] })).toBe(true);
  });

  it('names what cannot be sent, by member', () => {
    const draft = draftOf({ match: 'a', format: 'csv', fields: [] });
    const field = { ...emptyField(), place: 'two', scale: '1,000', low: '3', bad: '85, x' };
    const { spec, mistakes } = specOf({ ...draft, fields: [emptyField(), field] });
    expect(mistakes).toEqual({
      'fields[1].column': 'column',
      'fields[1].scale': 'number',
      'fields[1].valid': 'range',
      'fields[1].bad': 'number',
    });
    expect(spec.fields?.[1]).toEqual({ metric: '' });
  });

  it('takes a comma before a fraction as a point, and asks where it may be either', () => {
    const told = (part: object) => {
      const field = { ...emptyField(), metric: 'x', ...part };
      const { spec, mistakes } = specOf({ ...draftOf({ match: 'a' }), fields: [field] });
      return Object.values(mistakes)[0] ?? spec.fields?.[0];
    };
    const numbers = { scale: '0,5', offset: '-0,25', low: '-12,5', high: '80' };
    const meant = { metric: 'x', scale: 0.5, offset: -0.25, valid: [-12.5, 80] };
    expect(told(numbers)).toEqual(meant);
    for (const bad of ['85, -127', '85,-127', '85 -127', '85;-127', '85; -127,']) {
      expect(told({ bad }), bad).toEqual({ metric: 'x', bad: [85, -127] });
    }
    expect(told({ bad: '85,127' })).toBe('list');
    expect(told({ bad: '0.5 85' })).toEqual({ metric: 'x', bad: [0.5, 85] });
  });

  it('the time of arrival excludes a time in the message', () => {
    const draft = { ...draftOf(full), serverTime: true };
    expect(specOf(draft).spec.time).toBeUndefined();
    expect(specOf(draft).spec.server_time).toBe(true);
  });
});

it('JSON that is no object is refused with the reason', () => {
  expect(parseSpec('{"match":"a"}')).toEqual({ spec: { match: 'a' } });
  expect(parseSpec('{"match"')).toHaveProperty('wrong');
  expect(parseSpec('[1]')).toEqual({ wrong: '' });
});
