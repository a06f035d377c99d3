/** How does my board get here? Four paths, by what one holds; a line below them listens. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import {
  arduinoSketch,
  curlLine,
  esphomeLines,
  hostMissing,
  mosquittoLine,
  onBoard,
  pythonLines,
  type Reach,
  reachOf,
  tasmotaLine,
  topicFault,
} from '../add/sketches.ts';
import { subscribe } from '../api/live.ts';
import type { Device } from '../api/types.ts';
import { CopyBlock } from '../components/CopyBlock.tsx';
import { CopyLine } from '../components/CopyLine.tsx';
import { TextField } from '../components/Field.tsx';
import { HeardSentence } from '../components/HeardList.tsx';
import { ListeningLine } from '../components/ListeningLine.tsx';
import { StatusMark } from '../components/StatusMark.tsx';
import words from '../i18n/en.add.json';
import pageWords from '../i18n/en.pages.json';
import { addWords, t } from '../i18n/index.ts';
import { now, serverNow } from '../state/clock.ts';
import { about, devices, heard, latest, totalBook } from '../state/fleet.ts';
import { lastHeardAt, statusOf } from '../state/status.ts';
import { devicePath, query, setQuery, withKept } from '../state/url.ts';
import '../styles/add.css';

addWords(pageWords);
addWords(words);

const ways = ['board', 'esphome', 'tasmota', 'http'] as const;
type Way = (typeof ways)[number];
const usualTopic = 'home/kitchen/climate';

export function AddDevice() {
  const way = ways.find((one) => one === query.value.get('with')) ?? 'board';
  const topic = useSignal(usualTopic);
  const fault = topicFault(topic.value);
  const facts = about.value.data;
  const reach = reachOf(facts?.mqtt ?? [], new URL(location.href), topic.value.trim());
  return (
    <div class="page add">
      <header class="page-head">
        <h1>{t('nav.add')}</h1>
        <p class="tally">{t('add.question')}</p>
      </header>
      {facts?.state === 'local' && (
        <p class="add-local" role="note">
          {t('add.local')} <code>sensorium serve --open-lan</code>
        </p>
      )}
      <Ways chosen={way} />
      <div class="form add-topic">
        <TextField
          id="add-topic"
          label={t('add.topic')}
          hint={t('add.topic_hint')}
          fault={fault && t(`add.topic_${fault}`)}
          value={topic.value}
          set={(value) => {
            topic.value = value;
          }}
        />
      </div>
      <Listening topic={topic.value} />
      {!fault && <Path way={way} reach={reach} />}
    </div>
  );
}

function Ways({ chosen }: { chosen: Way }) {
  return (
    <nav class="add-ways" aria-label={t('add.ways')}>
      <ul>
        {ways.map((way) => (
          <li key={way}>
            <a
              href={withKept(`/add?with=${way}`)}
              aria-current={way === chosen ? 'true' : undefined}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                setQuery({ with: way }, 'push');
              }}
            >
              <b>{t(`add.way_${way}`)}</b>
              <span class="muted">{t(`add.why_${way}`)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Told where a board's text wants an address that the server does not have yet. */
function Missing({ board }: { board: Reach }) {
  if (board.host !== hostMissing) return null;
  return (
    <p class="add-local" role="note">
      {t('add.no_address', { word: hostMissing })} <code>sensorium serve --open-lan</code>
    </p>
  );
}

function Path({ way, reach }: { way: Way; reach: Reach }) {
  const board = onBoard(reach);
  switch (way) {
    case 'board':
      return (
        <section class="add-path">
          <h2>{t('add.address')}</h2>
          <p class="muted">{t('add.address_why')}</p>
          <CopyLine line={`mqtt://${hostIn(reach)}:${reach.port}`} label={t('add.address')} />
          <CopyLine line={mosquittoLine(reach)} label={t('nothing.by_mqtt')} />
          <h2>{t('add.sketch')}</h2>
          <p class="muted">{t('add.sketch_why')}</p>
          <Missing board={board} />
          <CopyBlock text={arduinoSketch(board)} label={t('add.sketch')} />
        </section>
      );
    case 'esphome':
      return (
        <section class="add-path">
          <h2>{t('add.esphome')}</h2>
          <p class="muted">{t('add.esphome_why')}</p>
          <Missing board={board} />
          <CopyBlock text={esphomeLines(board)} label={t('add.esphome')} />
        </section>
      );
    case 'tasmota':
      return (
        <section class="add-path">
          <h2>{t('add.tasmota')}</h2>
          <p class="muted">{t('add.tasmota_why')}</p>
          <Missing board={board} />
          <CopyLine line={tasmotaLine(board)} label={t('add.tasmota')} />
        </section>
      );
    case 'http':
      return (
        <section class="add-path">
          <h2>{t('add.http')}</h2>
          <p class="muted">{t('add.http_why')}</p>
          <CopyLine line={curlLine(reach)} label={t('nothing.by_http')} />
          <h2>{t('add.python')}</h2>
          <CopyBlock text={pythonLines(reach)} label={t('add.python')} />
        </section>
      );
  }
}

const hostIn = ({ host }: Reach) => (host.includes(':') ? `[${host}]` : host);

/** Shows what has come since the page was opened. */
function Listening({ topic }: { topic: string }) {
  const opened = useMemo(() => serverNow(), []);
  const atFirst = useMemo(() => totalBook.peek()?.messages.received ?? null, []);
  const received = totalBook.value?.messages.received ?? 0;
  const first = useComputed(
    () => heard.value.data?.filter((item) => item.t >= opened).slice(0, shown) ?? [],
  ).value;
  const near = (devices.value.data ?? []).filter((device) => isOn(topic, device.key));
  useEffect(
    () =>
      subscribe(
        near.flatMap((device) =>
          device.metrics.map((metric) => ({ device: device.key, metric: metric.name })),
        ),
      ),
    [near.map((device) => device.key).join('\n')],
  );
  const told = new Set(first.map((item) => item.device));
  const known = near.filter(
    (device) => !told.has(device.key) && (lastHeardAt(device, latest.value) ?? 0) >= opened,
  );
  return (
    <section class="add-listening" aria-label={t('add.listening')}>
      <ListeningLine received={atFirst === null ? 0 : Math.min(received - atFirst, 12)} />
      <div role="status">
        {first.map((item) => (
          <HeardSentence key={`${item.topic}${item.t}`} item={item} />
        ))}
        {known.map((device) => (
          <Known key={device.key} device={device} />
        ))}
        {first.length === 0 && known.length === 0 && <p>{t('add.waiting')}</p>}
      </div>
    </section>
  );
}

const shown = 5;

/** Whether a device is the one that publishes there. */
function isOn(topic: string, key: string): boolean {
  return topic === key || topic.startsWith(`${key}/`) || key.startsWith(`${topic}/`);
}

function Known({ device }: { device: Device }) {
  const at = lastHeardAt(device, latest.value);
  return (
    <p class="heard-sentence">
      {t('add.again')} <a href={withKept(devicePath(device.key))}>{device.name}</a>{' '}
      <StatusMark status={statusOf(device, at, now.value)} />
    </p>
  );
}
