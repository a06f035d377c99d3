/** What the reader chose for this browser: theme. The address may override it. */
import { computed, signal } from '@preact/signals';
import type { Zone } from '../format/zone.ts';
import { query } from './url.ts';

export type Theme = 'system' | 'light' | 'dark';

function keptTheme(): Theme {
  try {
    const kept = localStorage.getItem('theme');
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

export const theme = signal<Theme>(keptTheme());
/** Counts changes of the colours on screen, so that canvases know when to repaint. */
export const paintCount = signal(0);

document.addEventListener('themechange', () => {
  paintCount.value++;
});

export function chooseTheme(choice: Theme): void {
  theme.value = choice;
  try {
    localStorage.setItem('theme', choice);
  } catch {
    // Without storage the choice holds until the page is left.
    document.documentElement.dataset['theme'] = choice === 'dark' ? 'dark' : 'light';
  }
  document.dispatchEvent(new Event('themechoice'));
}

export const zone = computed<Zone>(() => (query.value.get('zone') === 'utc' ? 'utc' : 'browser'));
