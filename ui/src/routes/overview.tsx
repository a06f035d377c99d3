/** Is everything all right, and what is it now? Devices with their values, worst first. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { hideDemo } from '../api/client.ts';
import { Failure } from '../components/Failure.tsx';
import { HeardList } from '../components/HeardList.tsx';
import { lazily } from '../components/lazily.tsx';
import { formatCount } from '../format/number.ts';
import pageWords from '../i18n/en.pages.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { beginChoosing, chosen, endChoosing } from '../overview/choosing.ts';
import { DeviceList, type Row, useSortedDevices } from '../overview/DeviceList.tsx';
import { listedNow, sought } from '../overview/listed.ts';
import {
  about,
  devices,
  failureText,
  loadAll,
  loadDevices,
  shownDevices,
  totalBook,
  unread,
} from '../state/fleet.ts';
import { foot } from '../state/foot.ts';
import { undoable } from '../state/undo.ts';
import { query, setQuery, withKept } from '../state/url.ts';
import '../styles/overview.css';

addWords(pageWords);

const Away = lazily(async () => (await import('../overview/Away.tsx')).Away);
const NothingHeard = lazily(
  async () => (await import('../components/NothingHeard.tsx')).NothingHeard,
);
const UndoNotice = lazily(async () => (await import('../components/UndoNotice.tsx')).UndoNotice);
const Choosing = lazily(async () => (await import('../overview/Choosing.tsx')).Choosing);

export function Overview() {
  const { data, failure } = devices.value;
  if (!data && failure) {
    return (
      <div class="page">
        <Failure what={t('devices.failed')} why={failure} again={loadAll} />
      </div>
    );
  }
  if (!data) return <div class="page progress" role="status" aria-label={t('progress')} />;
  return (
    <div class="page overview">
      {failure && <Failure what={t('devices.failed')} why={failure} again={loadDevices} />}
      {undoable.value && <UndoNotice />}
      {query.value.get('list') === 'away' ? <Away /> : <Listed />}
    </div>
  );
}

function Listed() {
  const isEmpty = shownDevices.value.length === 0;
  // Where nothing ever came, nothing can have been put away.
  const isFresh = isEmpty && (totalBook.value?.messages.received ?? 0) === 0;
  return (
    <>
      {isEmpty ? <NothingHeard /> : <Devices />}
      {!isFresh && (
        <p class="away-link">
          <a href={withKept('/?list=away')}>{t('overview.away')}</a>
        </p>
      )}
    </>
  );
}

/** With so many devices there is a field to find one by. */
const findFrom = 20;

function Devices() {
  const all = useSortedDevices(shownDevices.value);
  const listed = listedNow.value;
  const rows = useMemo(() => {
    if (listed.length === all.length) return all;
    const keys = new Set(listed.map((one) => one.key));
    return all.filter(({ device }) => keys.has(device.key));
  }, [all, listed]);
  const isChoosing = chosen.value !== null;
  useEffect(() => {
    if (!isChoosing) return;
    foot.value = () => <Choosing />;
    return () => {
      foot.value = null;
      document.getElementById('choose-begin')?.focus();
    };
  }, [isChoosing]);
  useEffect(() => endChoosing, []);
  return (
    <>
      <header class="page-head">
        <h1>{t('nav.overview')}</h1>
        <Tally rows={all} />
        <UnreadLink />
        {(all.length >= findFrom || sought.value !== '') && <Find shown={rows.length} />}
        {all.length > 1 && (
          <button
            type="button"
            id="choose-begin"
            class="quiet"
            aria-pressed={isChoosing}
            onClick={isChoosing ? endChoosing : beginChoosing}
          >
            {t('choose.begin')}
          </button>
        )}
        <DemoSwitch />
      </header>
      <HeardList />
      {rows.length > 0 ? <DeviceList rows={rows} /> : <p>{t('find.none')}</p>}
    </>
  );
}

function Find({ shown }: { shown: number }) {
  return (
    <search class="find">
      <input
        type="search"
        aria-label={t('find.label')}
        placeholder={t('find.label')}
        autocomplete="off"
        spellcheck={false}
        value={sought.value}
        onInput={(event) => setQuery({ q: event.currentTarget.value || null }, 'replace')}
      />
      <span class="muted" role="status">
        {sought.value.trim() !== '' && t('find.shown', { n: formatCount(shown) })}
      </span>
    </search>
  );
}

function Tally({ rows }: { rows: Row[] }) {
  const silent = rows.filter((row) => row.status === 'stale' || row.status === 'offline').length;
  const all = plural('overview.devices', rows.length, { n: formatCount(rows.length) });
  const words = silent === 0 ? t('overview.all_speaking') : plural('overview.silent', silent);
  return (
    <p class="tally">
      {all}, {words}. {t('overview.lines')}
    </p>
  );
}

function UnreadLink() {
  const total = unread.value.data?.total ?? 0;
  if (total === 0) return null;
  return (
    <a class="unread-link" href={withKept('/inbox')}>
      {plural('overview.unread', total, { n: formatCount(total) })}
    </a>
  );
}

function DemoSwitch() {
  const why = useSignal<string | null>(null);
  const hide = async () => {
    try {
      await hideDemo();
      why.value = null;
      await loadAll();
    } catch (error) {
      why.value = failureText(error);
    }
  };
  if (!about.value.data?.demo?.running) return null;
  return (
    <>
      <button type="button" class="quiet demo-switch" onClick={hide}>
        {t('demo.hide')}
      </button>
      {why.value && <Failure what={t('demo.failed')} why={why.value} again={hide} />}
    </>
  );
}
