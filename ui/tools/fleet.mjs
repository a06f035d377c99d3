// Measures the overview with 10,000 devices in Chromium: `SENSORIUM_URL=http://127.0.0.1:8080 node tools/fleet.mjs [DEVICES]`.
// The server has to run with an empty data directory. This script makes the devices by line protocol, has each of them speak
// every ten seconds while it measures, and prints a table for docs/performance.md. No number here makes a test fail.
import { chromium } from 'playwright-core';

const url = process.env.SENSORIUM_URL ?? 'http://127.0.0.1:8080';
const count = Number(process.argv[2] ?? 10_000);
const tickMs = 200;
const periodMs = 10_000;
/** Neighbours of the list speak at different times. */
const stride = 7919;
const perTick = Math.ceil((count * tickMs) / periodMs);

const name = (i) => `fleet-${String(i).padStart(5, '0')}`;
let turn = 0;
const line = (i) => {
  const wave = Math.sin(turn / 7 + i);
  return `climate,device=${name(i)} temperature=${(21 + 3 * wave).toFixed(1)},humidity=${(50 + 9 * wave).toFixed(0)}`;
};

async function write(first, some) {
  turn += 1;
  const lines = Array.from({ length: some }, (_, i) => line(((first + i) * stride) % count));
  const answer = await fetch(`${url}/write`, { method: 'POST', body: lines.join('\n') });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
}

for (let i = 0; i < count; i += 500) await write(i, Math.min(500, count - i));

let next = 0;
let isWriting = false;
const speaking = setInterval(async () => {
  if (isWriting) return;
  isWriting = true;
  await write(next, perTick).catch(console.error);
  next = (next + perTick) % count;
  isWriting = false;
}, tickMs);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--enable-precise-memory-info'],
});
const rows = [];
const tell = (what, value) => {
  rows.push(`| ${what} | ${value} |`);
  console.error(what, value);
};

/** What the page's thread did between two looks, in milliseconds. */
async function metrics(session) {
  const { metrics: all } = await session.send('Performance.getMetrics');
  const of = (key) => all.find((one) => one.name === key).value;
  return {
    script: of('ScriptDuration') * 1000,
    task: of('TaskDuration') * 1000,
    layout: (of('LayoutDuration') + of('RecalcStyleDuration')) * 1000,
    heap: of('JSHeapUsedSize') / 1e6,
    nodes: of('Nodes'),
  };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

for (const [size, view] of [
  ['1440 px', { width: 1440, height: 900 }],
  ['390 px', { width: 390, height: 844 }],
]) {
  const page = await (await browser.newContext({ viewport: view })).newPage();
  await page.addInitScript(() => {
    window.long = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.long.push(Math.round(entry.duration));
    }).observe({ type: 'longtask', buffered: true });
  });
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  let updates = 0;
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      if (/"series":\{"/.test(payload)) updates += 1;
    }),
  );
  await page.goto(url);
  await page.locator('.device').first().waitFor({ timeout: 120_000 });
  const first = await page.evaluate(() => performance.now());
  await page.locator('.spark-line').first().waitFor({ state: 'attached', timeout: 120_000 });
  const spark = await page.evaluate(() => performance.now());
  tell(`${size}: first rows, ms after navigation`, Math.round(first));
  tell(`${size}: first sparkline, ms`, Math.round(spark));
  const loading = await page.evaluate(() => window.long.splice(0));
  tell(`${size}: long tasks while loading, ms`, loading.join(', ') || 'none');

  await wait(3000);
  const seconds = 30;
  await page.evaluate(() => window.long.splice(0));
  const [before, seen] = [await metrics(session), updates];
  await wait(seconds * 1000);
  const after = await metrics(session);
  const quiet = await page.evaluate(() => window.long.splice(0));
  const share = (part) => `${((after[part] - before[part]) / (seconds * 10)).toFixed(1)} %`;
  tell(`${size}: live, messages with readings a second`, ((updates - seen) / seconds).toFixed(1));
  const perUpdate = (after.script - before.script) / Math.max(1, updates - seen);
  tell(`${size}: live, script for each, all included, ms`, perUpdate.toFixed(2));
  tell(
    `${size}: live, page's thread busy; of it script, style and layout`,
    `${share('task')}; ${share('script')}, ${share('layout')}`,
  );
  tell(`${size}: live, long tasks in ${seconds} s, ms`, quiet.join(', ') || 'none');

  const frames = await page.evaluate(
    () =>
      new Promise((done) => {
        const box = document.querySelector('.scroll');
        const times = [];
        const end = performance.now() + 10_000;
        const step = (time) => {
          times.push(time);
          box.scrollTop += 60;
          if (time < end) requestAnimationFrame(step);
          else done({ times, blank: box.scrollTop });
        };
        requestAnimationFrame(step);
      }),
  );
  const gaps = frames.times
    .slice(1)
    .map((time, i) => time - frames.times[i])
    .sort((a, b) => a - b);
  const at = (part) => gaps[Math.floor(gaps.length * part)].toFixed(1);
  tell(`${size}: scrolling 60 px a frame for 10 s, frames a second`, (gaps.length / 10).toFixed(1));
  tell(
    `${size}: scrolling, frame p50, p99, longest, ms`,
    `${at(0.5)}, ${at(0.99)}, ${gaps.at(-1).toFixed(1)}`,
  );
  const jump = await page.evaluate(
    () =>
      new Promise((done) => {
        const box = document.querySelector('.scroll');
        const begin = performance.now();
        box.scrollTop = box.scrollHeight / 2;
        const look = () => {
          const element = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
          if (element?.closest('.device')) done(performance.now() - begin);
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }),
  );
  tell(`${size}: jump to the middle until rows stand there, ms`, Math.round(jump));
  await session.send('HeapProfiler.collectGarbage');
  const last = await metrics(session);
  tell(
    `${size}: heap after a collection, MB; nodes; rows`,
    `${last.heap.toFixed(0)}; ${last.nodes}; ${await page.locator('.device').count()}`,
  );
  await page.context().close();
}
clearInterval(speaking);
await browser.close();
console.log(['| | measured |', '|---|---|', ...rows].join('\n'));
