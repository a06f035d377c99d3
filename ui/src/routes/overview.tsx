/** Is everything all right, and what is it now? Devices with their values, worst first. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { hideDemo } from '../api/client.ts';
import { subscribe } from '../api/live.ts';
import { type Device, toStatus } from '../api/types.ts';
import { DeviceRow } from '../components/DeviceRow.tsx';
import { Failure } from '../components/Failure.tsx';
import { HeardList } from '../components/HeardList.tsx';
import { NothingHeard } from '../components/NothingHeard.tsx';
import { formatCount } from '../format/number.ts';
import pageWords from '../i18n/en.pages.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import {
  about,
  devices,
  failureText,
  latest,
  loadAll,
  loadDevices,
  shownDevices,
  unread,
} from '../state/fleet.ts';
import { compareDevices, lastHeardAt, statusOf } from '../state/status.ts';
import { withKept } from '../state/url.ts';
import '../styles/overview.css';

addWords(pageWords);

export function Overview() {
  useSignalEffect(() => {
    const series = shownDevices.value.flatMap((device) =>
      device.metrics.map((metric) => ({ device: device.key, metric: metric.name })),
    );
    return subscribe(series);
  });
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
      {shownDevices.value.length === 0 ? <NothingHeard /> : <DeviceList />}
    </div>
  );
}

function DeviceList() {
  const rows = useSortedDevices();
  return (
    <>
      <header class="page-head">
        <h1>{t('nav.overview')}</h1>
        <Tally rows={rows} />
        <UnreadLink />
        <DemoSwitch />
      </header>
      <HeardList />
      <ul class={rows.length > many ? 'devices is-many' : 'devices'}>
        {rows.map(({ device, status }) => (
          <DeviceRow key={device.key} device={device} status={status} />
        ))}
      </ul>
    </>
  );
}

/** From so many rows on, the browser lays out only those in view. */
const many = 100;

interface Row {
  device: Device;
  status: ReturnType<typeof statusOf>;
}

/** Sorted anew only when a status changes, so that a tick of the clock moves nothing. */
function useSortedDevices(): Row[] {
  const statuses = useComputed(() => {
    const time = now.value;
    return shownDevices.value
      .map((device) => statusOf(device, lastHeardAt(device, latest.value), time))
      .join();
  }).value;
  const words = statuses.split(',');
  const rows = shownDevices.value.map((device, i) => ({
    device,
    status: toStatus(words[i] ?? device.status),
  }));
  return rows.sort(compareDevices);
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
