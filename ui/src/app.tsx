/** The frame of every page: header, navigation, banners, the page itself, and the books. */
import { signal, useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { lostSince } from './api/live.ts';
import { BooksStrip } from './components/BooksStrip.tsx';
import { LiveBadge } from './components/LiveBadge.tsx';
import { Navigation } from './components/Navigation.tsx';
import { formatDuration } from './format/time.ts';
import { t } from './i18n/index.ts';
import { now } from './state/clock.ts';
import { about } from './state/fleet.ts';
import { foot } from './state/foot.ts';
import { chooseTheme, type Theme, theme } from './state/prefs.ts';
import { type Page, route, withKept } from './state/url.ts';
import { backToLive, pageRange } from './state/view.ts';

/** The code of each page comes when it is first opened. A page without a line here is not there. */
const loaders: Partial<Record<Page, Loader>> = {
  overview: async () => (await import('./routes/overview.tsx')).Overview,
  device: async () => (await import('./routes/device.tsx')).DevicePage,
  inbox: async () => (await import('./routes/inbox.tsx')).Inbox,
  sources: async () => (await import('./routes/sources.tsx')).Sources,
  add: async () => (await import('./routes/add.tsx')).AddDevice,
  topics: async () => (await import('./routes/topics.tsx')).Topics,
};

export function App() {
  useSignalEffect(() => {
    document.title = t('page.title', { page: t(`nav.${route.value}`) });
  });
  const scroll = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    // A new page begins at its top, and keys scroll it without a click first.
    if (route.value === 'unknown') return;
    scroll.current?.scrollTo(0, 0);
    scroll.current?.focus({ preventScroll: true });
  });
  const state = about.value.data;
  return (
    <>
      <div class="scroll" ref={scroll} tabIndex={-1}>
        <a class="skip" href="#main">
          {t('nav.skip')}
        </a>
        {state?.state === 'open_lan' && (
          <p class="banner banner-open" role="note">
            {state.sentence}
          </p>
        )}
        <header class="top">
          <Brand />
          <Navigation has={(page) => page in loaders} />
          <p class="sentence">{state?.state === 'local' ? state.sentence : ''}</p>
          <LiveBadge range={pageRange.value} toLive={backToLive} />
          <ThemeChoice />
        </header>
        <LostBanner />
        <main id="main" tabIndex={-1}>
          <PageHere />
        </main>
      </div>
      {foot.value?.()}
      <BooksStrip />
    </>
  );
}

function Brand() {
  return (
    <a class="brand" href={withKept('/')}>
      <svg viewBox="0 0 32 24" width="32" height="24" aria-hidden="true">
        <path d="M1 16h5l3-9 4.5 13L17 12h4" class="line" />
        <circle cx="25" cy="12" r="4" class="line" />
      </svg>
      {t('brand')}
    </a>
  );
}

const themes: Theme[] = ['system', 'light', 'dark'];

function ThemeChoice() {
  return (
    <label class="theme">
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
        <circle cx="7" cy="7" r="5.5" class="ring" />
        <path d="M7 1.5a5.5 5.5 0 0 1 0 11z" class="fill" />
      </svg>
      <span class="sr-only">{t('theme.label')}</span>
      <select
        value={theme.value}
        onChange={(event) =>
          chooseTheme(themes.find((one) => one === event.currentTarget.value) ?? 'system')
        }
      >
        {themes.map((one) => (
          <option key={one} value={one}>
            {t(`theme.${one}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

function LostBanner() {
  const since = lostSince.value;
  if (since === null) return null;
  const age = formatDuration(Math.max(1000, now.value - since));
  return (
    <p class="banner banner-lost" role="status">
      {t('banner.lost', { age })}
    </p>
  );
}

function PageHere() {
  const load = route.value === 'unknown' ? undefined : loaders[route.value];
  if (load) return <Lazy load={load} />;
  return (
    <div class="page">
      <h1>{t('nav.unknown')}</h1>
      <p>
        <a href={withKept('/')}>{t('nav.to_overview')}</a>
      </p>
    </div>
  );
}

type Loader = () => Promise<ComponentType>;
const arrived = signal<ReadonlyMap<Loader, ComponentType | 'failed'>>(new Map());

function put(load: Loader, what: ComponentType | 'failed'): void {
  arrived.value = new Map(arrived.value).set(load, what);
}

/** A page whose code comes when it is first opened. */
function Lazy({ load }: { load: Loader }) {
  const found = arrived.value.get(load);
  useEffect(() => {
    if (arrived.peek().has(load)) return;
    load().then(
      (page) => put(load, page),
      () => put(load, 'failed'),
    );
  }, [load]);
  if (found === 'failed') {
    return (
      <div class="page failure" role="alert">
        <p>{t('failure.page')}</p>
        <button type="button" onClick={() => location.reload()}>
          {t('failure.again')}
        </button>
      </div>
    );
  }
  const Found = found;
  return Found ? <Found /> : <div class="page progress" role="status" aria-label={t('progress')} />;
}
