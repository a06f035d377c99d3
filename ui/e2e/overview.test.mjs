// The overview: what is there, what is new, what could not be read, and how it is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, freshKey, onPage, publish, timed, url, useBrowser } from './harness.mjs';

useBrowser();

const row = (page, name) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });

test('the demo is alive on the first page, and says what it is', async () => {
  await onPage('/', async (page) => {
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.getByText('replay of 2015 data').waitFor();
    await page.getByText('CC BY 4.0').waitFor();
    await page.getByRole('button', { name: 'Hide the demo' }).waitFor();
    await page.locator('.spark-line').first().waitFor({ state: 'attached' });
    await page.locator('.top .badge', { hasText: 'Live' }).waitFor();
  });
});

test('a first message stands in the list, marked New, with its sentence', async () => {
  const key = freshKey('dht');
  await onPage('/', async (page) => {
    await page.locator('.top .badge', { hasText: 'Live' }).waitFor();
    await publish(`${key}/temperature`, '23.75');
    const device = row(page, key);
    await timed('a first message in the list', device.getByText('New', { exact: true }).waitFor());
    await device.getByText('23.75').waitFor();
    await device.getByText('°C').first().waitFor();
    await device.getByText('assumed').first().waitFor({ state: 'attached' });
    const sentence = page.getByRole('region', { name: 'Heard for the first time' });
    await sentence.getByText(`Heard ${key}/temperature = 23.75`).waitFor();

    await publish(`${key}/temperature`, '24.25');
    await timed('its second value', device.getByText('24.25').waitFor());

    await device.getByRole('button', { name: `Accept ${key}` }).click();
    await device.getByText('New', { exact: true }).waitFor({ state: 'detached' });
  });
  const device = await ask(`/devices/${encodeURIComponent(key)}`);
  assert.equal(device.new, false);
});

test('45: the overview loads without the chart library, from this host alone', async () => {
  const seen = [];
  await onPage('/', async (page) => page.getByRole('heading', { name: 'Overview' }).waitFor(), {
    prepare: async (page) => page.on('request', (request) => seen.push(request.url())),
  });
  assert.ok(seen.length > 3);
  assert.ok(!seen.some((one) => /\/device-.*\.js/.test(one)), seen.join('\n'));
});

test('45: the policy is strict, and the page lives with it', async () => {
  const policy = (await fetch(url)).headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'|default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
});

test('an unread message is counted, shown with its reason and bytes, and can be tried again', async () => {
  const topic = freshKey('broken');
  await publish(topic, '{"temperature": 21.5, "hum');
  await onPage('/', async (page) => {
    await page.getByRole('link', { name: /unread message/ }).click();
    await page.getByRole('heading', { name: 'Unread messages' }).waitFor();
    const message = page.getByRole('listitem').filter({ hasText: topic });
    await message.getByText('{"temperature": 21.5, "hum').waitFor();
    await message.getByText('26 bytes').waitFor();
    await message.getByRole('button', { name: /Read again/ }).click();
    await message.getByText('It still cannot be read.').waitFor();
  });
});

test('the books stand under every page and open by source', async () => {
  for (const path of ['/', '/inbox', '/topics']) {
    await onPage(path, async (page) => {
      const strip = page.getByRole('button', { name: /received/ });
      await strip.waitFor();
      const { total } = await ask('/books');
      assert.ok(total.messages.received > 0);
      await strip.click();
      const dialog = page.getByRole('dialog', { name: 'The books' });
      await dialog.getByText('HTTP').first().waitFor();
      await dialog.getByText('Every message and every reading is accounted for.').waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
    });
  }
});

test('27: a device has a status with a word', async () => {
  await onPage('/', async (page) => {
    await page
      .getByText(/^(online|stale|offline)$/)
      .first()
      .waitFor();
  });
});

test('40: the theme is chosen once and kept, without a flash', async () => {
  await onPage('/', async (page) => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), 'light');
    await page.getByLabel('Theme').selectOption('dark');
    assert.equal(await theme(), 'dark');
    await page.reload({ waitUntil: 'commit' });
    await page.waitForFunction(() => document.documentElement.dataset.theme !== undefined);
    assert.equal(await theme(), 'dark');
    const paper = await page.evaluate(
      () => getComputedStyle(document.documentElement).backgroundColor,
    );
    assert.equal(paper, 'rgb(21, 23, 26)');
  });
  await onPage('/?theme=dark', async (page) => {
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  });
});

test('29: the frame does not shift while data comes', async () => {
  await onPage(
    '/',
    async (page) => {
      await page.locator('.spark-line').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(500);
      const shift = await page.evaluate(() => window.shifted);
      assert.ok(shift < 0.02, `layout shift ${shift}`);
    },
    {
      prepare: (page) =>
        page.addInitScript(() => {
          window.shifted = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shifted += entry.value;
          }).observe({ type: 'layout-shift', buffered: true });
        }),
    },
  );
});

test('31: a failed load says what failed, and Try again recovers without a reload', async () => {
  await onPage(
    '/',
    async (page) => {
      await page.getByText('The devices could not be read.').waitFor();
      await page.unroute('**/api/v1/devices*');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
    },
    {
      forgives: (text) => text.includes('503') || text.includes('devices'),
      prepare: (page) =>
        page.route('**/api/v1/devices*', (route) =>
          route.fulfill({
            status: 503,
            contentType: 'application/problem+json',
            body: '{"code":"store_away","detail":"The store does not answer."}',
          }),
        ),
    },
  );
});

test('30: with no devices, the page says how to send the first reading', async () => {
  await onPage(
    '/',
    async (page) => {
      await page.getByRole('heading', { name: 'Nothing heard yet' }).waitFor();
      await page.getByText(/sensorium publish --mqtt [\w.]+:\d+ home\/kitchen\/climate/).waitFor();
      await page.getByRole('button', { name: /Copy the line: curl/ }).click();
      await page.getByText('Copied').waitFor();
    },
    {
      prepare: (page) =>
        page.route('**/api/v1/devices*', (route) =>
          route.fulfill({ json: { items: [], next_cursor: null } }),
        ),
    },
  );
});
