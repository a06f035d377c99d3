// Time and zoom on the device page: points 1 to 12.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  demoDevice,
  devicePath,
  dragOver,
  freshKey,
  lane,
  lanesReady,
  onPage,
  phone,
  plotBox,
  publish,
  publishMany,
  spanOf,
  useBrowser,
} from './harness.mjs';

useBrowser();

let demo;
let first;
before(async () => {
  demo = await demoDevice();
  first = 'Temperature';
});

const badge = (page, word) => page.locator('.top .badge', { hasText: word });

test('1: presets, one click each, the current one pressed; All is named by what it spans', async () => {
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    for (const name of ['5m', '1h', '6h', '7d', '30d', '1y', '24h']) {
      const button = page.getByRole('button', { name: new RegExp(`^${name},`) });
      await button.click();
      assert.equal(await button.getAttribute('aria-pressed'), 'true');
      await lanesReady(page);
    }
    const all = page.getByRole('button', { name: /^All, \d+ (d|h|min)/ });
    await all.click();
    assert.equal(await all.getAttribute('aria-pressed'), 'true');
  });
});

test('1: an absolute range by two fields, with an error that says what is wrong', async () => {
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    await page.getByText('Dates').click();
    await page.getByLabel('From').fill('2026-11-20T12:00:00');
    await page.getByLabel('To', { exact: true }).fill('2026-11-20T11:00:00');
    await page.getByText('The end must be later than the start.').waitFor();
    await page.getByLabel('To', { exact: true }).fill('2026-11-20T18:00:00');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    // Noon in Berlin, the browser's zone in these stories.
    assert.deepEqual(spanOf(page), {
      from: Date.UTC(2026, 10, 20, 11),
      to: Date.UTC(2026, 10, 20, 17),
    });
  });
});

test('2, 3: a pasted address opens the same view in a fresh browser', async () => {
  const to = Math.floor(Date.now() / 1000) * 1000;
  const path = `/device?${new URLSearchParams({ key: demo.key, from: String(to - 7_200_000), to: String(to), zone: 'utc', theme: 'dark' })}`;
  await onPage(path, async (page) => {
    await lanesReady(page);
    await page.getByRole('heading', { name: demo.name, level: 1 }).waitFor();
    assert.equal(await page.getByLabel('Time zone').inputValue(), 'utc');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.equal(spanOf(page).to, to);
  });
});

test('5, 10: a drag zooms to what was dragged over, and finer steps come', async () => {
  await onPage(devicePath(demo.key, 'now-7d'), async (page) => {
    await lanesReady(page);
    const footer = () => lane(page, first).locator('.lane-foot').textContent();
    const before = await footer();
    const now = Date.now();
    await dragOver(page, first, 0.6, 0.9);
    const { from, to } = spanOf(page);
    const week = 7 * 86_400_000;
    const width = to - from;
    assert.ok(Math.abs(width - 0.3 * week) < 0.03 * 0.3 * week, `span ${width}`);
    assert.ok(Math.abs(from - (now - 0.4 * week)) < 0.03 * 0.3 * week, `from ${from}`);
    assert.notEqual(await footer(), before);
  });
});

test('zooming ends at the single reading', async () => {
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    await dragOver(page, first, 0.95, 0.99);
    await lane(page, first)
      .getByText(/every one drawn/)
      .waitFor();
  });
});

test('4: Back undoes a zoom', async () => {
  await onPage(devicePath(demo.key, 'now-6h'), async (page) => {
    await lanesReady(page);
    await dragOver(page, first, 0.3, 0.6);
    await page.goBack();
    await page.waitForFunction(() => location.search.includes('from=now-6h'));
    await badge(page, 'Live').waitFor();
  });
});

test('6: a double click goes back to the last preset and to live, on all lanes', async () => {
  await onPage(devicePath(demo.key, 'now-6h'), async (page) => {
    await lanesReady(page);
    await dragOver(page, first, 0.2, 0.4);
    await badge(page, 'History').waitFor();
    const box = await plotBox(page, first);
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction(() => location.search.includes('from=now-6h'));
    await badge(page, 'Live').waitFor();
  });
});

test('7, 43: keys zoom, pan and reset, and speak the values', async () => {
  await onPage(devicePath(demo.key, 'now-6h'), async (page) => {
    await lanesReady(page);
    const figure = lane(page, first).getByRole('figure');
    await figure.focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    const spoken = page.locator('main [role=status].sr-only');
    await page.waitForFunction(() =>
      /\d: [\d.,]+ °C/.test(document.querySelector('main [role=status].sr-only')?.textContent),
    );
    const one = await spoken.textContent();
    await page.keyboard.press('Shift+ArrowLeft');
    await page.waitForFunction(
      (before) => document.querySelector('main [role=status].sr-only').textContent !== before,
      one,
    );
    await page.keyboard.press('+');
    await page.waitForFunction(() => /from=\d+/.test(location.search));
    const zoomed = spanOf(page);
    assert.ok(
      Math.abs(zoomed.to - zoomed.from - 3 * 3_600_000) < 60_000 ||
        zoomed.to - zoomed.from < 3 * 3_600_000,
    );
    await page.keyboard.press('[');
    await page.waitForFunction(
      (from) => Number(new URLSearchParams(location.search).get('from')) < from,
      zoomed.from,
    );
    await page.keyboard.press('0');
    await page.waitForFunction(() => location.search.includes('from=now-6h'));
  });
});

test('8: Ctrl and the wheel zoom at the pointer; the plain wheel scrolls', async () => {
  await onPage(devicePath(demo.key, 'now-6h'), async (page) => {
    await lanesReady(page);
    const box = await plotBox(page, first);
    await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
    await page.mouse.wheel(0, 200);
    await page.waitForTimeout(300);
    assert.match(page.url(), /from=now-6h/);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -200);
    await page.keyboard.up('Control');
    await page.waitForFunction(() => /from=\d+/.test(location.search));
    const { from, to } = spanOf(page);
    assert.ok(to - from < 6 * 3_600_000 * 0.7);
    assert.equal(await page.evaluate(() => visualViewport.scale), 1);
  });
});

test('9: one finger sideways pans, two pinch, up and down is the page’s', async () => {
  await onPage(
    devicePath(demo.key, 'now-6h'),
    async (page) => {
      await lanesReady(page);
      const box = await plotBox(page, first);
      const touch = await page.context().newCDPSession(page);
      const y = box.y + box.height / 2;
      const at = (share) => ({ x: box.x + box.width * share, y });
      const send = (type, touchPoints) =>
        touch.send('Input.dispatchTouchEvent', { type, touchPoints });
      await send('touchStart', [at(0.3)]);
      for (const share of [0.4, 0.5, 0.6, 0.7]) await send('touchMove', [at(share)]);
      await send('touchEnd', []);
      await page.waitForFunction(() => /from=\d+/.test(location.search));
      const panned = spanOf(page);
      assert.ok(Math.abs(panned.to - panned.from - 6 * 3_600_000) < 60_000);
      assert.ok(panned.to < Date.now() - 3_600_000);
      await send('touchStart', [at(0.4), at(0.6)]);
      for (const d of [0.15, 0.2, 0.25, 0.3]) await send('touchMove', [at(0.5 - d), at(0.5 + d)]);
      await send('touchEnd', []);
      await page.waitForFunction(
        (from) => new URLSearchParams(location.search).get('from') !== String(from),
        panned.from,
      );
      const pinched = spanOf(page);
      assert.ok(pinched.to - pinched.from < 4 * 3_600_000, String(pinched.to - pinched.from));
    },
    { size: phone },
  );
});

test('10: the newer zoom aborts the older request, and the old line stays meanwhile', async () => {
  let held;
  await onPage(devicePath(demo.key, 'now-24h'), async (page) => {
    await lanesReady(page);
    await page.route('**/api/v1/windows', async (route) => {
      held ??= route;
      if (held !== route) await route.continue();
    });
    const aborted = page.waitForEvent('requestfailed', (request) =>
      request.url().includes('/windows'),
    );
    await page.getByRole('button', { name: /^6h,/ }).click();
    await page.locator('.slim.is-busy').waitFor({ state: 'attached' });
    assert.equal(await page.locator('.lane-empty').count(), 0);
    await page.getByRole('button', { name: /^7d,/ }).click();
    await aborted;
    await lanesReady(page);
  });
});

test('11: new readings never move a zoomed view', async () => {
  const key = freshKey('zoomed');
  const now = Date.now();
  await publishMany(
    key,
    Array.from({ length: 60 }, (_, i) => ({
      ts: now - (60 - i) * 5000,
      temperature: 20 + (i % 5),
    })),
  );
  await onPage(devicePath(key, 'now-5m'), async (page) => {
    await lanesReady(page);
    await dragOver(page, first, 0.5, 0.95);
    const before = { ...spanOf(page), axis: await page.locator('.axis svg').innerHTML() };
    await publish(key, { temperature: 99 });
    await page.getByText('99').first().waitFor();
    const after = { ...spanOf(page), axis: await page.locator('.axis svg').innerHTML() };
    assert.deepEqual(after, before);
    await badge(page, 'Paused').waitFor();
  });
});

test('12: zone of the browser or UTC, in axis and table alike', async () => {
  await onPage(devicePath(demo.key, 'now-1h'), async (page) => {
    await lanesReady(page);
    await lane(page, first).getByRole('button', { name: /Table/ }).click();
    const time = () =>
      lane(page, first).getByRole('row').nth(1).getByRole('rowheader').textContent();
    const local = await time();
    await page.getByLabel('Time zone').selectOption('utc');
    await page.waitForFunction(() => location.search.includes('zone=utc'));
    const utc = await time();
    assert.notEqual(local, utc);
    await page.locator('.axis-zone', { hasText: 'UTC' }).waitFor();
  });
});
