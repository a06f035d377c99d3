/**
 * What stands between the page and the books and does not scroll: the time axis of a page
 * that has one. Nothing on a page is ever hidden beneath it.
 */
import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';

export const foot = signal<(() => ComponentChild) | null>(null);
