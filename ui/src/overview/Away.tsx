/** What is out of the lists, and the way back: archived, hidden, ignored and deleted devices. */
import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import {
  type Archived,
  getArchived,
  getIgnored,
  hearAgain,
  type Ignored,
  showAgain,
} from '../api/putAway.ts';
import { Failure } from '../components/Failure.tsx';
import { formatAge, formatTime } from '../format/time.ts';
import words from '../i18n/en.away.json';
import { addWords, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { devices, failureText, type Loaded, load, loadDevices } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { devicePath, withKept } from '../state/url.ts';
import '../styles/lists.css';

addWords(words);

interface PutAway {
  archived: Archived[];
  ignored: Ignored[];
}

const away = signal<Loaded<PutAway>>({ data: null, failure: null });

const loadAway = () =>
  load(away, async () => {
    const [archived, ignored] = await Promise.all([getArchived(), getIgnored()]);
    return { archived, ignored };
  });

/** Read when the list of devices is: whatever left it is here. */
function useAway() {
  const list = devices.value.data;
  useEffect(() => void loadAway(), [list]);
  const hidden = (list ?? []).filter((one) => one.hidden);
  return { ...away.value, hidden };
}

export function Away() {
  const { data, failure, hidden } = useAway();
  const told = useSignal<{ key: string; words: string } | null>(null);
  const back = async (key: string, name: string, act: () => Promise<unknown>) => {
    await act();
    told.value = { key, words: t('away.back_again', { name }) };
    await Promise.all([loadDevices(), loadAway()]);
  };
  return (
    <div class="away">
      <header class="page-head">
        <h1>{t('away.title')}</h1>
        <p class="tally">{t('away.why')}</p>
        <a href={withKept('/')}>{t('nav.to_overview')}</a>
      </header>
      <div role="status">
        {told.value && (
          <p class="notice">
            {told.value.words} <a href={withKept(devicePath(told.value.key))}>{t('away.open')}</a>
          </p>
        )}
      </div>
      {failure && <Failure what={t('away.failed')} why={failure} again={() => void loadAway()} />}
      {data && data.archived.length + data.ignored.length + hidden.length === 0 && (
        <p>{t('away.empty')}</p>
      )}
      <Part title={t('away.archived')} why={t('away.archived_why')} items={data?.archived ?? []}>
        {(one) => (
          <Item
            key={one.key}
            name={one.name}
            of={one.key}
            link
            act={t('away.bring_back')}
            back={() => back(one.key, one.name, () => showAgain(one.key, { archived: false }))}
          >
            {typeof one.last_seen === 'number'
              ? t('away.last_heard', { age: formatAge(now.value - one.last_seen) })
              : t('status.never_seen')}
          </Item>
        )}
      </Part>
      <Part title={t('away.hidden')} why={t('away.hidden_why')} items={hidden}>
        {(one) => (
          <Item
            key={one.key}
            name={one.name}
            of={one.key}
            link
            act={t('away.show_again')}
            back={() => back(one.key, one.name, () => showAgain(one.key, { hidden: false }))}
          >
            {one.demo ? t('away.demo') : ''}
          </Item>
        )}
      </Part>
      <Part title={t('away.ignored')} why={t('away.ignored_why')} items={data?.ignored ?? []}>
        {(one) => (
          <Item
            key={one.key}
            name={one.name ?? one.key}
            of={one.key}
            link={false}
            act={t(isThere(one) ? 'away.bring_back' : 'away.hear_again')}
            back={() => back(one.key, one.name ?? one.key, () => hearAgain(one.key))}
          >
            {t('away.since', { day: dayOf(one.since) })}{' '}
            {isThere(one)
              ? t('away.until', { day: dayOf(one.restorable_until) })
              : t('away.for_good')}
          </Item>
        )}
      </Part>
    </div>
  );
}

type Restorable = Ignored & { restorable_until: number };
const isThere = (one: Ignored): one is Restorable => typeof one.restorable_until === 'number';

const dayOf = (time: number) =>
  `${formatTime(time, 'date', zone.value)} ${formatTime(time, 'year', zone.value)}`;

interface PartProps<T> {
  title: string;
  why: string;
  items: T[];
  children: (item: T) => ComponentChildren;
}

function Part<T>({ title, why, items, children }: PartProps<T>) {
  if (items.length === 0) return null;
  return (
    <section>
      <h2>
        {title} <span class="muted">{items.length}</span>
      </h2>
      <p class="muted">{why}</p>
      <ul class="rows">{items.map(children)}</ul>
    </section>
  );
}

interface ItemProps {
  name: string;
  of: string;
  link: boolean;
  act: string;
  back: () => Promise<void>;
  children: ComponentChildren;
}

function Item({ name, of, link, act, back, children }: ItemProps) {
  const why = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const go = async () => {
    isBusy.value = true;
    try {
      await back();
    } catch (error) {
      why.value = failureText(error);
    }
    isBusy.value = false;
  };
  return (
    <li class="row">
      <div>
        <h3>{link ? <a href={withKept(devicePath(of))}>{name}</a> : name}</h3>
        {name !== of && <p class="device-key">{of}</p>}
        <p class="muted">{children}</p>
        {why.value && (
          <p role="alert" class="form-fault">
            {why.value}
          </p>
        )}
      </div>
      <p>
        <button type="button" disabled={isBusy.value} aria-label={`${act}: ${name}`} onClick={go}>
          {act}
        </button>
      </p>
    </li>
  );
}
