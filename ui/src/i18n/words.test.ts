import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import pages from './en.pages.json';
import { addWords, plural, t, word } from './index.ts';

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
const all: Record<string, string> = Object.assign(
  {},
  ...files.map((name) => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'))),
);
const source = join(import.meta.dirname, '..');
const code = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes('.test.'))
  .map((name) => readFileSync(join(source, name), 'utf8'))
  .join('\n');

describe('words', () => {
  it('fill in values and choose the plural', () => {
    addWords(pages);
    expect(t('chart.silent', { duration: '5 h' })).toBe('5 h silent');
    expect(plural('overview.devices', 1)).toBe('1 device');
    expect(plural('overview.devices', 7)).toBe('7 devices');
    expect(word('reason', 'packet_too_large')).toBe('packet too large');
    expect(word('reason', 'something_new')).toBe('something new');
  });

  it('are all used', () => {
    // Families that are named with a part filled in, such as `badge.${kind}`.
    const filled = [...code.matchAll(/`([a-z_.]+)\$\{/g)].map((found) => found[1] ?? '');
    const spelled = [...code.matchAll(/word\('(\w+)'/g)].map((found) => `${found[1]}.`);
    const families = [...filled, ...spelled].filter((name) => name.includes('.'));
    const unused = Object.keys(all)
      .map((key) => key.replace(/_(one|other)$/, ''))
      .filter(
        (key) => !code.includes(`'${key}'`) && !families.some((name) => key.startsWith(name)),
      );
    expect(unused).toEqual([]);
  });

  it('are the words of the glossary', () => {
    for (const [key, text] of Object.entries(all)) {
      expect(text, key).not.toMatch(
        /bucket|\bpoints?\b|\bsamples?\b|rollup|\bfeeds?\b|entit(y|ies)|!/i,
      );
    }
  });
});
