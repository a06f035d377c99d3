/** What happened here? One device's metrics as lanes on one time axis, live. */
import { untracked, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { getFirst } from '../api/client.ts';
import type { Device } from '../api/types.ts';
import { Board } from '../chart/board.ts';
import { digitsOf } from '../chart/hue.ts';
import type { ChartActions } from '../chart/readout.ts';
import { TimeAxis } from '../chart/TimeAxis.tsx';
import { TimeChart } from '../chart/TimeChart.tsx';
import { Failure } from '../components/Failure.tsx';
import { lazily } from '../components/lazily.tsx';
import { RangeBar } from '../components/RangeBar.tsx';
import { StatusMark } from '../components/StatusMark.tsx';
import { formatAge } from '../format/time.ts';
import { t } from '../i18n/index.ts';
import { now, serverNow } from '../state/clock.ts';
import { devices, latest, loadDevices } from '../state/fleet.ts';
import { foot } from '../state/foot.ts';
import { usualRange } from '../state/range.ts';
import { hasReadings, lastHeardAt, statusOf } from '../state/status.ts';
import { query } from '../state/url.ts';
import { backToLive, range, show, usual } from '../state/view.ts';
import '../styles/chart.css';
import '../styles/device.css';

export function DevicePage() {
  const key = query.value.get('key') ?? '';
  const { data, failure } = devices.value;
  const device = data?.find((one) => one.key === key);
  if (device) return <DeviceView key={key} device={device} />;
  if (failure && !data) {
    return (
      <div class="page">
        <Failure what={t('devices.failed')} why={failure} again={loadDevices} />
      </div>
    );
  }
  if (!data) return <div class="page progress" role="status" aria-label={t('progress')} />;
  return <Absent key={key} name={key} View={DeviceView} />;
}

/** So many of its metrics are asked for their first reading. */
const metricsAsked = 4;

/** Left of every plot stands its scale; on a phone there is less room for it. */
const gutterOf = (width: number) => (width < 600 ? 38 : 52);

/** The charts come with the page; the other tabs bring their own code when they are opened. */
const tabs = ['charts', 'health', 'setup'] as const;
type Tab = (typeof tabs)[number];
const Health = lazily(async () => (await import('../settings/Health.tsx')).Health);
const SetUp = lazily(async () => (await import('../settings/SetUp.tsx')).SetUp);
const Absent = lazily(async () => (await import('../settings/Absent.tsx')).Absent);
/** Most devices have none of these: the code comes with the first. */
const DemoBadge = lazily(async () => (await import('../components/DemoBadge.tsx')).DemoBadge);
const NewMark = lazily(async () => (await import('../components/NewMark.tsx')).NewMark);
const Marks = lazily(async () => (await import('../chart/HardwareMarks.tsx')).HardwareMarks);

function DeviceView({ device }: { device: Device }) {
  const tab = tabs.find((one) => one === query.value.get('tab')) ?? 'charts';
  return tab === 'charts' ? <Charts device={device} /> : <OtherTab device={device} tab={tab} />;
}

function OtherTab({ device, tab }: { device: Device; tab: Exclude<Tab, 'charts'> }) {
  const first = useFirstReading(device);
  const status = useStatus(device);
  return (
    <div class="page device-page">
      <DeviceHead device={device} status={status} firstReading={first} tab={tab} />
      {tab === 'health' ? <Health device={device} /> : <SetUp device={device} />}
    </div>
  );
}

function Tabs({ current }: { current: Tab }) {
  return (
    <nav class="tabs" aria-label={t('device.tabs')}>
      {tabs.map((tab) => {
        const params = new URLSearchParams(query.value);
        if (tab === 'charts') params.delete('tab');
        else params.set('tab', tab);
        return (
          <a
            key={tab}
            href={`/device?${params}`}
            aria-current={tab === current ? 'true' : undefined}
          >
            {t(`device.${tab}`)}
          </a>
        );
      })}
    </nav>
  );
}

function Charts({ device }: { device: Device }) {
  // Another unit or title makes other lanes.
  const names = JSON.stringify(
    device.metrics.map((metric) => [metric.name, metric.label, metric.unit, digitsOf(metric)]),
  );
  const first = useFirstReading(device);
  // Before the board is made: it reads once, and the right span.
  useMemo(() => {
    usual.value = usualRange(first, newestOf(device), serverNow());
  }, [device.key, first]);
  const board = useMemo(
    () => new Board(device.key, device.metrics, range.peek()),
    [device.key, names],
  );
  const gutter = gutterOf(window.innerWidth);
  const spoken = useSignal('');
  useEffect(() => {
    board.start();
    return () => board.stop();
  }, [board]);
  useEffect(() => board.beginAt(first), [board, first]);
  // A calibration changes what was drawn already.
  const version = useRef(device.version);
  useEffect(() => {
    if (version.current !== device.version) void board.read();
    version.current = device.version;
  }, [board, device.version]);
  // The board reads its own signals; an effect that followed those would undo every move.
  useSignalEffect(() => {
    const next = range.value;
    untracked(() => board.setRange(next));
  });
  useSignalEffect(() => {
    const time = now.value;
    untracked(() => board.tick(time));
  });
  useEffect(() => {
    foot.value = () => <TimeAxis board={board} left={gutter} />;
    return () => {
      foot.value = null;
    };
  }, [board, gutter]);
  const actions = useMemo(
    () =>
      actionsFor(board, device, (words) => {
        spoken.value = words;
      }),
    [board],
  );
  const status = useStatus(device);
  return (
    <div class="page device-page">
      <DeviceHead device={device} status={status} firstReading={first} tab="charts" />
      <LoadNotice board={board} />
      <div
        class={`lanes${board.locked.value ? ' is-locked' : ''}`}
        style={{ '--lane-count': String(laneWeight(device)) }}
        onMouseLeave={() => {
          if (!board.locked.value) board.cursor.value = null;
        }}
      >
        {board.lanes.map((lane) => (
          <TimeChart
            key={lane.series.metric}
            board={board}
            lane={lane}
            status={status}
            gutter={gutter}
            actions={actions}
          />
        ))}
        {device.hardware?.length ? (
          <Marks board={board} marks={device.hardware} left={gutter} />
        ) : null}
      </div>
      <p class="sr-only" role="status">
        {spoken}
      </p>
    </div>
  );
}

function actionsFor(board: Board, device: Device, speak: (words: string) => void): ChartActions {
  return {
    zoom: (span) => {
      const limit = Math.max(serverNow(), span.from + 1);
      show({
        kind: 'fixed',
        from: span.from,
        to: Math.max(span.from + 1, Math.min(span.to, limit)),
      });
    },
    reset: backToLive,
    speak,
    goToReadings: () => {
      const last = newestOf(device);
      const width = board.span.value.to - board.span.value.from;
      if (last !== null)
        show({
          kind: 'fixed',
          from: Math.round(last - width * 0.9),
          to: Math.round(last + width * 0.1),
        });
    },
  };
}

/** Not when the device was heard: a message may carry readings of long ago. */
const newestOf = (device: Device) => lastHeardAt({ ...device, last_seen: null }, latest.peek());

/** States and texts take a third of the height of a line. */
function laneWeight(device: Device): number {
  const flat = device.metrics.filter(
    (metric) => metric.kind === 'state' || metric.kind === 'text',
  ).length;
  return Math.max(1.2, device.metrics.length - flat + flat * 0.4);
}

/** When the device began to speak: the server's word, else its first reading, asked for once. */
function useFirstReading(device: Device): number | null {
  const asked = useSignal<number | null>(null);
  const said = device.metrics.flatMap((metric) => metric.first_t ?? []);
  useEffect(() => {
    if (said.length > 0) return;
    const firsts = device.metrics
      .slice(0, metricsAsked)
      .map((metric) => getFirst({ device: device.key, metric: metric.name }).catch(() => null));
    void Promise.all(firsts).then((times) => {
      const known = times.filter((time) => time !== null);
      asked.value = known.length > 0 ? Math.min(...known) : null;
    });
  }, [device.key]);
  return said.length > 0 ? Math.min(...said) : asked.value;
}

function useStatus(device: Device) {
  return useComputed(() => statusOf(device, lastHeardAt(device, latest.value), now.value)).value;
}

interface HeadProps {
  device: Device;
  status: ReturnType<typeof statusOf>;
  firstReading: number | null;
  tab: Tab;
}

function DeviceHead({ device, status, firstReading, tab }: HeadProps) {
  const age = useComputed(() => {
    const at = lastHeardAt(device, latest.value);
    return at === null ? '' : formatAge(now.value - at);
  });
  return (
    <header class="device-page-head">
      <h1>{device.name}</h1>
      {tab === 'charts' && <RangeBar firstReading={firstReading} />}
      <div class="device-state">
        <StatusMark status={status} hasReadings={hasReadings(device)} />
        <span class="age">{age}</span>
        {device.name !== device.key && <span class="device-key">{device.key}</span>}
        {device.demo && <DemoBadge demo={device.demo} />}
        {device.new && <NewMark device={device} />}
      </div>
      <Tabs current={tab} />
    </header>
  );
}

function LoadNotice({ board }: { board: Board }) {
  const state = board.load.value;
  if (state.kind === 'failed') {
    return <Failure what={t('chart.failed')} why={state.why} again={() => void board.read()} />;
  }
  return <div class={state.kind === 'loading' ? 'slim is-busy' : 'slim'} aria-hidden="true" />;
}
