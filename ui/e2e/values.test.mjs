// Reading values on the device page: points 13 to 19, 30 and 31.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  ask,
  demoDevice,
  devicePath,
  freshKey,
  lane,
  lanesReady,
  onPage,
  plotBox,
  publish,
  publishMany,
  useBrowser,
} from './harness.mjs';

useBrowser();

let demo;
before(async () => {
  demo = await demoDevice();
});

test('13, 14: the crosshair is shared, its words have time and values, and stay inside', async () => {
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    const box = await plotBox(page, 'Temperature');
    for (const share of [0.1, 0.97]) {
      await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
      const tips = page.locator('.tip');
      await tips.first().waitFor();
      assert.ok((await tips.count()) >= 3);
      assert.match(await tips.first().textContent(), /\d\d:\d\d.*[\d.]+ °C/);
      for (const tip of await tips.all()) {
        const place = await tip.boundingBox();
        assert.ok(place.x >= box.x - 1 && place.x + place.width <= box.x + box.width + 1);
      }
    }
    await page.locator('.axis-cursor').waitFor();
  });
});

test('13: a click locks the crosshair, another frees it', async () => {
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    const box = await plotBox(page, 'Temperature');
    await page.mouse.click(box.x + box.width * 0.9, box.y + box.height / 2);
    const locked = await page.locator('.axis-cursor.is-locked').textContent();
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
    assert.equal(await page.locator('.axis-cursor').textContent(), locked);
    await page.mouse.click(box.x + box.width * 0.5, box.y + box.height / 2);
    await page.locator('.axis-cursor.is-locked').waitFor({ state: 'detached' });
  });
});

test('15: one reading of +9 among days of steps is visible', async () => {
  const key = freshKey('spike');
  const now = Date.now();
  const spacing = 600_000;
  const flat = Array.from({ length: 1600 }, (_, i) => ({
    ts: now - (1600 - i) * spacing,
    temperature: 20,
  }));
  const spike = { ts: flat[800].ts + 1000, temperature: 29 };
  await publishMany(key, [...flat, spike]);
  await onPage(devicePath(key, 'now-30d'), async (page) => {
    await lanesReady(page);
    await lane(page, 'Temperature')
      .getByText(/steps of/)
      .waitFor();
    // Ink in the upper half of the plot can only be the spike, or a grid line of another colour.
    const coloured = await lane(page, 'Temperature')
      .locator('canvas')
      .evaluate((canvas) => {
        const { width, height } = canvas;
        const { data } = canvas
          .getContext('2d')
          .getImageData(0, 0, width, Math.round(height * 0.6));
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 3] > 60 && data[i] - data[i + 2] > 40) count++;
        }
        return count;
      });
    assert.ok(coloured > 20, `${coloured} pixels`);
  });
});

test('16: a gap is a gap with its length, a lone reading a dot, a bad one no line', async () => {
  const key = freshKey('gaps');
  const now = Date.now();
  const run = (start, count) =>
    Array.from({ length: count }, (_, i) => ({ ts: start + i * 10_000, temperature: 20 }));
  await publishMany(key, [
    ...run(now - 6 * 3_600_000, 60),
    ...run(now - 3_600_000, 60),
    { ts: now - 1_200_000, temperature: 22 },
    ...run(now - 600_000, 58),
  ]);
  await onPage(devicePath(key, 'now-24h'), async (page) => {
    await lanesReady(page);
    const summary = await lane(page, 'Temperature')
      .locator('.sr-only p, p.sr-only')
      .first()
      .textContent();
    // Three, and the silence since the last reading if that has outlasted three intervals.
    assert.match(summary, /[34] gaps/);
    // A line across a gap would leave no column of the canvas without ink of its hue.
    const share = await lane(page, 'Temperature')
      .locator('canvas')
      .evaluate((canvas) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        let first = -1;
        let last = -1;
        const inked = new Set();
        for (let x = 0; x < width; x++) {
          for (let y = 0; y < height; y++) {
            const i = (y * width + x) * 4;
            if (data[i + 3] > 100 && data[i] - data[i + 2] > 60) inked.add(x);
          }
          if (inked.has(x)) {
            if (first < 0) first = x;
            last = x;
          }
        }
        return inked.size / (last - first + 1);
      });
    assert.ok(share < 0.25, `ink in ${share} of the columns`);
  });
});

test('17: the footer says what is shown', async () => {
  await onPage(devicePath(demo.key, 'all'), async (page) => {
    await lanesReady(page);
    const footer = await lane(page, 'Temperature').locator('.lane-foot').textContent();
    const found = footer.match(
      /^([\d,]+) readings → ([\d,]+) steps of (\d+ (?:s|min|h|d)), [\d.]+ ms$/,
    );
    assert.ok(found, footer);
    const metric = demo.metrics[0].name;
    const query = new URLSearchParams({
      device: demo.key,
      metric,
      from: '0',
      to: String(Date.now()),
    });
    const { readings } = await ask(`/windows?${query}`);
    assert.ok(Math.abs(Number(found[1].replaceAll(',', '')) - readings) <= 3, footer);
  });
});

test('19: a state is a band with words', async () => {
  const key = freshKey('states');
  const now = Date.now();
  await publishMany(
    key,
    Array.from({ length: 20 }, (_, i) => ({
      ts: now - (20 - i) * 10_000,
      pump: i % 7 < 4,
      mode: i < 10 ? 'auto' : 'away',
    })),
  );
  await onPage(devicePath(key, 'now-5m'), async (page) => {
    await lanesReady(page);
    await lane(page, 'Pump')
      .getByText(/^(on|off)$/)
      .first()
      .waitFor();
    const box = await plotBox(page, 'Pump');
    await page.mouse.move(box.x + box.width * 0.7, box.y + 10);
    await lane(page, 'Pump')
      .locator('.tip', { hasText: /on|off/ })
      .waitFor();
  });
});

test('30: an empty range says so and leads to a range with data', async () => {
  const key = freshKey('old');
  await publish(key, { ts: Date.now() - 5 * 3_600_000, temperature: 20 });
  await onPage(devicePath(key, 'now-5m'), async (page) => {
    await lanesReady(page);
    await page.getByText('No readings in this range.').waitFor();
    await page.getByRole('button', { name: 'Show the last readings' }).click();
    await lane(page, 'Temperature')
      .getByText(/1 reading/)
      .first()
      .waitFor();
  });
});

test('31: a failed load of charts says so, and Try again recovers', async () => {
  let isBroken = true;
  await onPage(
    devicePath(demo.key, 'now-1h'),
    async (page) => {
      await page.getByText('The charts could not be read.').waitFor();
      isBroken = false;
      await page.getByRole('button', { name: 'Try again' }).click();
      await lanesReady(page);
      await page.getByText('The charts could not be read.').waitFor({ state: 'detached' });
    },
    {
      forgives: (text) => text.includes('503') || text.includes('windows'),
      prepare: (page) =>
        page.route('**/api/v1/windows', (route) =>
          isBroken
            ? route.fulfill({
                status: 503,
                contentType: 'application/problem+json',
                body: '{"code":"store_away","detail":"The store does not answer."}',
              })
            : route.continue(),
        ),
    },
  );
});

test('a device that was never heard is told as such', async () => {
  await onPage(devicePath('no/such/device'), async (page) => {
    await page.getByRole('heading', { name: 'No such device' }).waitFor();
    await page.getByRole('link', { name: 'Go to the overview' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });
});
