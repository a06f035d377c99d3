// Everyone: axe on every route, both themes, phone and desk; phones; pictures to look at.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  axeFindings,
  demoDevice,
  desk,
  devicePath,
  onPage,
  phone,
  shots,
  useBrowser,
} from './harness.mjs';

useBrowser();

const sizes = { desk, phone, narrow: { width: 360, height: 740 } };

let routes;
before(async () => {
  const demo = await demoDevice();
  routes = {
    overview: '/',
    'device-24h': devicePath(demo.key, 'now-24h'),
    'device-all': devicePath(demo.key, 'all'),
    'device-health': `${devicePath(demo.key)}&tab=health`,
    'device-setup': `${devicePath(demo.key)}&tab=setup`,
    away: '/?list=away',
    inbox: '/inbox',
    sources: '/sources',
    'sources-add': '/sources?add=hivemq',
    'sources-csv': '/sources?add=csv',
    add: '/add',
    'add-http': '/add?with=http',
    topics: '/topics',
    topic: `/topics?${new URLSearchParams({ topic: demo.key })}`,
    rules: '/topics?view=rules',
    unknown: '/device?key=no%2Fsuch',
  };
});

/** By how much anything reaches beyond the right edge. */
function overhang() {
  const scroll = document.querySelector('.scroll');
  return Math.max(
    document.documentElement.scrollWidth - innerWidth,
    scroll.scrollWidth - scroll.clientWidth,
  );
}

async function settled(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.slim.is-busy, .progress'));
  await page.waitForTimeout(400);
}

test('41: axe finds nothing, on any route, theme or size', async () => {
  for (const [name, path] of Object.entries(routes)) {
    for (const theme of ['light', 'dark']) {
      for (const [size, viewport] of Object.entries({ desk, phone })) {
        await onPage(
          path,
          async (page) => {
            await settled(page);
            await page.screenshot({ path: join(shots, `${name}-${theme}-${size}.png`) });
            const violations = await axeFindings(page);
            assert.deepEqual(violations, [], `${name}, ${theme}, ${size}`);
          },
          { size: viewport, theme, bypassCSP: true },
        );
      }
    }
  }
});

test('39: no page scrolls sideways, and fingers find their targets', async () => {
  for (const size of ['phone', 'narrow']) {
    for (const [name, path] of Object.entries(routes)) {
      await onPage(
        path,
        async (page) => {
          await settled(page);
          const wide = await page.evaluate(overhang);
          assert.ok(wide <= 0, `${name} is ${wide} px too wide at ${size}`);
          const small = await page.evaluate(() =>
            [...document.querySelectorAll('button, select, input, nav a, summary, .leaf')]
              .filter((one) => one.checkVisibility() && !one.closest('.sr-only, dialog'))
              .map((one) => ({
                text: one.textContent.slice(0, 30),
                box: one.getBoundingClientRect(),
              }))
              .filter(({ box }) => box.height < 44 || box.width < 24)
              .map(({ text, box }) => `${text}: ${box.width} × ${box.height}`),
          );
          assert.deepEqual(small, [], `${name}, ${size}`);
          const nav = await page.getByRole('navigation', { name: 'Pages' }).boundingBox();
          assert.ok(nav.y + nav.height >= sizes[size].height - 1, 'navigation is at the bottom');
        },
        { size: sizes[size] },
      );
    }
  }
});

test('44: reduced motion stops all motion; 320 px reflow works', async () => {
  await onPage(
    routes['device-24h'],
    async (page) => {
      await settled(page);
      const moving = await page.evaluate(
        () => document.getAnimations().filter((one) => one.playState === 'running').length,
      );
      assert.equal(moving, 0);
      const wide = await page.evaluate(overhang);
      assert.ok(wide <= 0, `${wide} px too wide`);
    },
    { size: { width: 320, height: 640 }, reducedMotion: 'reduce' },
  );
});

test('42: the skip link comes first, and focus is seen', async () => {
  await onPage('/', async (page) => {
    await settled(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the page');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement).outlineStyle,
    );
    assert.notEqual(outline, 'none');
  });
});
