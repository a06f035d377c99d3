/** The address bar is the page's memory: route, device, range, zone and theme live there. */
import { computed, signal } from '@preact/signals';

/** Every page and its path. */
export const paths = {
  overview: '/',
  device: '/device',
  inbox: '/inbox',
  topics: '/topics',
  sources: '/sources',
  add: '/add',
} as const;

export type Page = keyof typeof paths;
export type Route = Page | 'unknown';

const byPath = new Map<string, Page>(
  (Object.keys(paths) as Page[]).map((page) => [paths[page], page]),
);

/** What follows the reader from page to page; all else belongs to one page. */
const kept = ['theme', 'zone'];
const here = signal(readAddress());

function readAddress(): URL {
  return new URL(location.href);
}

export const query = computed(() => here.value.searchParams);
export const route = computed<Route>(() => routeOf(here.value.pathname));

export function routeOf(path: string): Route {
  return byPath.get(path.replace(/(.)\/$/, '$1')) ?? 'unknown';
}

/** `path` with the parameters that travel along. */
export function withKept(path: string, from: URLSearchParams = query.value): string {
  const [base = '/', own = ''] = path.split('?');
  const params = new URLSearchParams(own);
  for (const name of kept) {
    const value = from.get(name);
    if (value && !params.has(name)) params.set(name, value);
  }
  const text = params.toString();
  return text ? `${base}?${text}` : base;
}

export function devicePath(key: string): string {
  return `/device?${new URLSearchParams({ key })}`;
}

export function go(path: string): void {
  history.pushState(null, '', path);
  here.value = readAddress();
}

/** Changes parameters of the current page; `null` removes one. Push when Back should undo it. */
export function setQuery(changes: Record<string, string | null>, how: 'push' | 'replace'): void {
  const next = readAddress();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.searchParams.delete(name);
    else next.searchParams.set(name, value);
  }
  if (next.href === location.href) return;
  if (how === 'push') history.pushState(null, '', next);
  else history.replaceState(null, '', next);
  here.value = readAddress();
}

/** Follows Back and Forward, and plain clicks on links of this page. */
export function startRouter(): void {
  addEventListener('popstate', () => {
    here.value = readAddress();
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || !isPlainClick(event) || !isOwnPage(link)) return;
    event.preventDefault();
    go(link.href);
  });
}

function isPlainClick(event: MouseEvent): boolean {
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return event.button === 0 && !modified && !event.defaultPrevented;
}

function isOwnPage(link: HTMLAnchorElement): boolean {
  const foreign = link.origin !== location.origin || link.hasAttribute('download') || link.target;
  return (
    !foreign && !link.getAttribute('href')?.startsWith('#') && routeOf(link.pathname) !== 'unknown'
  );
}
