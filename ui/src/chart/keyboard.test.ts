import { expect, it } from 'vitest';
import { keyAction } from './keyboard.ts';

it('keys mean what the help says', () => {
  expect(keyAction('ArrowRight', false)).toEqual({ kind: 'step', by: 1 });
  expect(keyAction('ArrowLeft', true)).toEqual({ kind: 'step', by: -10 });
  expect(keyAction('+', false)).toEqual({ kind: 'zoom', factor: 0.5 });
  expect(keyAction('[', false)).toEqual({ kind: 'pan', share: -0.25 });
  expect(keyAction('0', false)).toEqual({ kind: 'reset' });
  expect(keyAction('Tab', false)).toBeNull();
});
