// Live and failure: points 22 to 28.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  demoDevice,
  devicePath,
  freshKey,
  lane,
  lanesReady,
  onPage,
  plotBox,
  publish,
  publishMany,
  timed,
  useBrowser,
} from './harness.mjs';

useBrowser();

let demo;
before(async () => {
  demo = await demoDevice();
});

const badge = (page, word) => page.locator('.top .badge', { hasText: word });

test('22: the badge tells live, paused, history and offline by a word', async () => {
  await onPage(devicePath(demo.key, 'now-1h'), async (page) => {
    await lanesReady(page);
    await badge(page, 'Live').waitFor();
    const box = await plotBox(page, 'Temperature');
    await page.mouse.move(box.x + box.width * 0.2, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 5 });
    await page.mouse.up();
    await page.locator('.top').getByRole('button', { name: 'History, go back to live' }).click();
    await badge(page, 'Live').waitFor();
  });
});

test('23: a lost server is told; after it the gap is filled from history', async () => {
  const key = freshKey('lost');
  await publish(key, { temperature: 20 });
  let isDown = false;
  const sockets = new Set();
  await onPage(
    devicePath(key, 'now-5m'),
    async (page) => {
      await lanesReady(page);
      await badge(page, 'Live').waitFor();
      isDown = true;
      for (const socket of sockets) await socket.close();
      await timed('a lost server is told', badge(page, 'Offline').waitFor());
      await page.getByText(/The server has not answered for/).waitFor();
      await publish(key, { temperature: 33 });
      await page.waitForTimeout(600);
      isDown = false;
      await badge(page, 'Live').waitFor();
      await page.getByText(/The server has not answered/).waitFor({ state: 'detached' });
      await lane(page, 'Temperature').getByText('2 readings, every one drawn').waitFor();
      await lane(page, 'Temperature').locator('.pen-value', { hasText: '33' }).waitFor();
    },
    {
      forgives: (text) => /WebSocket|websocket|ERR_/.test(text),
      prepare: (page) =>
        page.routeWebSocket(/api\/v1\/live/, (socket) => {
          if (isDown) return void socket.close();
          const server = socket.connectToServer();
          sockets.add(socket);
          socket.onMessage((message) => server.send(message));
          server.onMessage((message) => {
            if (!isDown) socket.send(message);
          });
        }),
    },
  );
});

test('24: readings that come during a load are kept once: no hole, no double', async () => {
  const key = freshKey('during');
  const now = Date.now();
  await publishMany(
    key,
    Array.from({ length: 20 }, (_, i) => ({ ts: now - (20 - i) * 2000, temperature: 20 })),
  );
  let release;
  await onPage(devicePath(key, 'now-5m'), async (page) => {
    await lanesReady(page);
    await page.route('**/api/v1/windows', async (route) => {
      const answer = await route.fetch();
      await new Promise((done) => {
        release = done;
      });
      await route.fulfill({ response: answer });
    });
    await page.getByRole('button', { name: /^1h,/ }).click();
    while (!release) await page.waitForTimeout(10);
    for (let i = 0; i < 5; i++) await publish(key, { temperature: 21 + i });
    await page.waitForTimeout(300);
    release();
    await lane(page, 'Temperature').getByText('25 readings, every one drawn').waitFor();
  });
});

test('25: publish to pixel on a quiet series', async () => {
  const key = freshKey('pixel');
  await publish(key, { temperature: 10 });
  await onPage(devicePath(key, 'now-5m'), async (page) => {
    await lanesReady(page);
    await badge(page, 'Live').waitFor();
    const times = [];
    for (let i = 0; i < 12; i++) {
      const value = 20 + i;
      const seen = page.evaluate(
        (text) =>
          new Promise((done) => {
            const look = () => {
              const drawn = document.querySelector('.pen-value .figure')?.textContent === text;
              if (drawn) requestAnimationFrame(() => done(Date.now()));
              else requestAnimationFrame(look);
            };
            look();
          }),
        String(value),
      );
      await page.waitForTimeout(250);
      const start = Date.now();
      await publish(key, { temperature: value });
      times.push((await seen) - start);
    }
    times.sort((a, b) => a - b);
    const p50 = times[6];
    console.log(`publish → pixel, ms: p50 ${p50}, worst ${times.at(-1)} (${times.join(' ')})`);
    // The machine is shared, so the story only refuses what no noise explains.
    assert.ok(p50 < 3000, `p50 ${p50} ms`);
  });
});

test('26: a hidden tab has no socket, and is back when it is seen again', async () => {
  const key = freshKey('hidden');
  await publish(key, { temperature: 20 });
  const open = new Set();
  await onPage(
    devicePath(key, 'now-5m'),
    async (page) => {
      await lanesReady(page);
      await badge(page, 'Live').waitFor();
      assert.equal(open.size, 1);
      const hide = (hidden) =>
        page.evaluate((value) => {
          Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
          document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
      await hide(true);
      for (let i = 0; i < 1000 && open.size > 0; i++) await page.waitForTimeout(20);
      assert.equal(open.size, 0);
      await publish(key, { temperature: 42 });
      await hide(false);
      await timed('a tab that is seen again is live', badge(page, 'Live').waitFor());
      await lane(page, 'Temperature').getByText('2 readings, every one drawn').waitFor();
    },
    {
      prepare: async (page) =>
        page.on('websocket', (socket) => {
          open.add(socket);
          socket.on('close', () => open.delete(socket));
        }),
    },
  );
});

test('28: ten tabs over plain http are all live', async () => {
  await onPage('/', async (page) => {
    const tabs = [];
    for (let i = 0; i < 9; i++) {
      const tab = await page.context().newPage();
      await tab.goto(page.url());
      tabs.push(tab);
    }
    for (const tab of [page, ...tabs]) await badge(tab, 'Live').waitFor();
  });
});
