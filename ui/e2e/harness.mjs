// What every story of the page needs: a browser, a page that tolerates no error, and
// verbs to publish and to ask the server. The server runs already; SENSORIUM_URL names it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';

export const url = process.env.SENSORIUM_URL ?? 'http://127.0.0.1:8080';
export const shots = new URL('./shots/', import.meta.url).pathname;
export const desk = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser;

/** Starts one browser for the stories of a file, and ends it after them. */
export function useBrowser() {
  before(async () => {
    mkdirSync(shots, { recursive: true });
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    browser = await chromium.launch({ executablePath, args: flags });
  });
  after(() => browser.close());
}

/**
 * Runs `story` on a fresh page. Any console error, page error or failed request fails it,
 * except those that `forgives` says the story causes itself.
 */
export async function onPage(path, story, options = {}) {
  const { size = desk, theme = 'light', forgives = () => false, prepare, ...more } = options;
  const isPhone = size.width < 600;
  const context = await browser.newContext({
    viewport: size,
    colorScheme: theme,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    deviceScaleFactor: isPhone ? 2 : 1,
    hasTouch: isPhone,
    isMobile: isPhone,
    ...more,
  });
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => {
    if (!forgives(text)) complaints.push(text);
  };
  page.on('console', (message) => {
    if (message.type() === 'error') complain(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complain(`page: ${error.stack ?? error}`));
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? '';
    // A newer zoom aborts the older request: that is the page's own doing.
    if (why !== 'net::ERR_ABORTED') complain(`request: ${request.url()} ${why}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complain(`answer ${response.status()}: ${response.url()}`);
  });
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(url) || request.url().startsWith('data:');
    if (!isOurs) complain(`another host: ${request.url()}`);
  });
  try {
    await prepare?.(page);
    await page.goto(url + path);
    await story(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

/** Waits as `seen` does and prints how long it took: the machine is shared, so no story fails of slowness alone. */
export async function timed(what, seen) {
  const start = Date.now();
  await seen;
  console.log(`${what}: ${Date.now() - start} ms`);
}

/** Publishes as HTTP: the same path as a message over MQTT. */
export async function publish(topic, payload) {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const path = topic.split('/').map(encodeURIComponent).join('/');
  const answer = await fetch(`${url}/api/v1/ingest/${path}`, { method: 'POST', body });
  return { status: answer.status, ...(await answer.json()) };
}

/** Publishes dated readings, oldest first, a few at a time. */
export async function publishMany(topic, payloads) {
  for (let i = 0; i < payloads.length; i += 8) {
    const some = payloads.slice(i, i + 8);
    const answers = await Promise.all(some.map((payload) => publish(topic, payload)));
    for (const answer of answers) assert.equal(answer.outcome, 'stored', JSON.stringify(answer));
  }
}

export async function ask(path) {
  const answer = await fetch(`${url}/api/v1${path}`);
  assert.equal(answer.status, 200, path);
  return answer.json();
}

/** A rule that is tried while it is half written is refused: that is the answer it asks for. */
export const halfWritten = { forgives: (text) => text.includes('422') };

/** A change by the API, which has to succeed; what it answers, if anything. */
export async function call(method, path, body) {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds wrong with the page as it stands, a line each. */
export async function axeFindings(page) {
  // Through the debugger, which the page's policy does not bind.
  await page.addScriptTag({ path: axe }).catch(() => undefined);
  return page.evaluate(async (values) => {
    const found = await window.axe.run(document, { runOnly: { type: 'tag', values } });
    return found.violations.map(
      (one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`,
    );
  }, rules);
}

let serial = 0;
/** A device key that no other run has used. */
export function freshKey(name) {
  serial += 1;
  return `e2e/${name}-${Date.now().toString(36)}${serial}`;
}

export function devicePath(key, range = 'now-1h') {
  return `/device?${new URLSearchParams({ key, from: range })}`;
}

/** The replay of the demo, which has weeks of history and gaps. */
export async function demoDevice() {
  const { items } = await ask('/devices');
  const found = items.find((device) => device.demo && device.metrics.length >= 4);
  assert.ok(found, 'these stories want a server with the demo on');
  return found;
}

/** Waits until every lane has its answer. */
export async function lanesReady(page) {
  await page.locator('.lane-foot').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.slim.is-busy'));
}

export const lane = (page, name) => page.getByRole('region', { name });

/** The plot of a lane without its gutter, in page coordinates. */
export async function plotBox(page, name) {
  return lane(page, name).locator('.u-over').boundingBox();
}

/** The span on screen as the address says it. */
export function spanOf(page) {
  const params = new URL(page.url()).searchParams;
  return { from: Number(params.get('from')), to: Number(params.get('to')) };
}

export async function dragOver(page, name, start, end) {
  const box = await plotBox(page, name);
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * start, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((start + end) / 2), y, { steps: 4 });
  await page.mouse.move(box.x + box.width * end, y, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => /^\d+$/.test(new URLSearchParams(location.search).get('from')));
  await lanesReady(page);
  return box;
}
