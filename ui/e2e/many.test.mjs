// Many devices: a list too long to be drawn, a change of several at once, and the way back of what was put away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  axeFindings,
  call,
  desk,
  freshKey,
  onPage,
  phone,
  publish,
  useBrowser,
} from './harness.mjs';

useBrowser();

const within = { timeout: 20_000 };
const pathOf = (key) => `/devices/${encodeURIComponent(key)}`;
const row = (page, name) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });
const setupOf = (key) => `/device?${new URLSearchParams({ key, tab: 'setup' })}`;

async function freshDevices(name, count) {
  const keys = Array.from({ length: count }, () => freshKey(name));
  for (const key of keys)
    assert.equal((await publish(key, { temperature: 21.5 })).outcome, 'stored');
  return keys;
}

const begin = (page) => page.getByRole('button', { name: 'Choose several' }).click();
const bar = (page) => page.getByRole('form', { name: 'Change many devices' });

test('several devices are tagged and placed at once by keyboard; the page is as it was before', async () => {
  const keys = await freshDevices('tagged', 3);
  await onPage('/', async (page) => {
    assert.equal(await page.getByRole('checkbox').count(), 0);
    await begin(page);
    for (const key of keys.slice(0, 2)) {
      await page.getByRole('checkbox', { name: `Choose ${key}` }).focus();
      await page.keyboard.press('Space');
    }
    await bar(page).getByText('2 chosen').waitFor();
    await bar(page).getByRole('combobox', { name: /Tags/ }).fill('north, cold');
    await page.keyboard.press('Enter');
    await bar(page).getByText('2 devices changed.').waitFor(within);
    await bar(page).getByLabel('What to change').selectOption('Set place');
    await bar(page).getByRole('combobox', { name: /Place/ }).fill('Attic');
    await bar(page).getByRole('button', { name: 'Apply' }).click();
    await page.waitForFunction(
      async (path) => (await (await fetch(`/api/v1${path}`)).json()).place === 'Attic',
      pathOf(keys[1]),
    );
    await page.keyboard.press('Escape');
    await bar(page).waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('checkbox').count(), 0);
    await page.waitForFunction(() => document.activeElement?.id === 'choose-begin');
  });
  const [first, second, third] = await Promise.all(keys.map((key) => ask(pathOf(key))));
  assert.deepEqual([first.tags, first.place], [['north', 'cold'], 'Attic']);
  assert.deepEqual([second.tags, second.place], [['north', 'cold'], 'Attic']);
  assert.deepEqual([third.tags, third.place ?? null], [[], null]);
});

test('by touch a whole row is chosen; archived ones go, are named as such, and come back by Undo', async () => {
  const keys = await freshDevices('touched', 2);
  await onPage(
    '/',
    async (page) => {
      await begin(page);
      for (const key of keys) await row(page, key).locator('.metric').first().tap({ force: true });
      await bar(page).getByText('2 chosen').waitFor();
      assert.deepEqual(await axeFindings(page), []);
      await bar(page).getByLabel('What to change').selectOption('Archive');
      await bar(page).getByRole('button', { name: 'Apply' }).tap();
      await page.getByText('2 devices archived.').waitFor(within);
      await row(page, keys[0]).waitFor({ state: 'detached', ...within });
      assert.equal((await ask(pathOf(keys[0]))).archived, true);
      await page.getByRole('button', { name: 'Undo' }).tap();
      for (const key of keys) await row(page, key).waitFor(within);
    },
    { size: phone, bypassCSP: true },
  );
  assert.equal((await ask(pathOf(keys[1]))).archived, false);
});

test('who could not be changed is named with the reason, and stays chosen', async () => {
  const [full, free] = await freshDevices('full', 2);
  const tags = Array.from({ length: 100 }, (_, i) => `tag ${i}`);
  await call('PATCH', pathOf(full), { tags });
  await onPage('/', async (page) => {
    await begin(page);
    for (const key of [full, free])
      await page.getByRole('checkbox', { name: `Choose ${key}` }).click();
    await bar(page).getByRole('combobox', { name: /Tags/ }).fill('one more');
    await page.keyboard.press('Enter');
    await bar(page)
      .getByText(/1 device changed\. 1 could not be changed:/)
      .waitFor(within);
    await bar(page).getByRole('listitem').filter({ hasText: full }).waitFor();
  });
  assert.deepEqual((await ask(pathOf(free))).tags, ['one more']);
});

test('an archived and an ignored device are found out of the way and brought back', async () => {
  const [archived, ignored] = await freshDevices('away', 2);
  await onPage(setupOf(archived), async (page) => {
    await page.getByRole('button', { name: 'Archive', exact: true }).click();
    await page.getByText(/It stands under “Out of the way”/).waitFor(within);
  });
  await onPage(
    setupOf(ignored),
    async (page) => {
      await page.getByRole('button', { name: 'Ignore', exact: true }).click();
      await page.getByText(`${ignored} is ignored.`).waitFor(within);
      assert.notEqual((await publish(ignored, { temperature: 22 })).outcome, 'stored');
      await page.getByRole('link', { name: 'Archived, ignored, deleted' }).click();
      await page.getByRole('heading', { name: 'Out of the way' }).waitFor(within);
      await row(page, ignored)
        .getByText(/can be brought back until/)
        .waitFor(within);
      assert.deepEqual(await axeFindings(page), []);
      await page.getByRole('button', { name: `Bring back: ${ignored}` }).click();
      await page.getByText(`${ignored} is back.`).waitFor(within);
      await page.getByRole('button', { name: `Bring back: ${archived}` }).click();
      await page.getByText(`${archived} is back.`).waitFor(within);
      await page.getByRole('link', { name: 'Go to the overview' }).click();
      for (const key of [archived, ignored]) await row(page, key).waitFor(within);
    },
    { forgives: (text) => text.includes('404'), bypassCSP: true },
  );
  assert.equal((await publish(ignored, { temperature: 22 })).outcome, 'stored');
});

test('a deletion is taken back on the page that it leads to; a sender that never had a device is heard again', async () => {
  const [key] = await freshDevices('deleted', 1);
  const noisy = freshKey('noisy');
  await call('POST', '/inbox/ignored', { key: noisy });
  await onPage(
    setupOf(key),
    async (page) => {
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(/can be brought back/).waitFor(within);
      await dialog.getByRole('textbox').fill(key);
      await page.keyboard.press('Enter');
      await page.getByText(`${key} is deleted.`).waitFor(within);
      await page.getByRole('button', { name: 'Undo' }).click();
      await row(page, key).getByText('21.5').waitFor(within);
      await page.getByRole('link', { name: 'Archived, ignored, deleted' }).click();
      await row(page, noisy)
        .getByText(/gone for good/)
        .waitFor(within);
      await page.getByRole('button', { name: `Hear again: ${noisy}` }).click();
      await row(page, noisy).waitFor({ state: 'detached', ...within });
    },
    { forgives: (text) => text.includes('409') || text.includes('404') },
  );
  assert.equal((await publish(noisy, { temperature: 22 })).outcome, 'stored');
});

/** Ten thousand devices, as the server would answer them. */
function fleet(count) {
  const now = Date.now();
  return Array.from({ length: count }, (_, i) => ({
    key: `fleet/${String(i).padStart(5, '0')}`,
    name: `Board ${String(i).padStart(5, '0')}`,
    status: 'online',
    new: false,
    hidden: false,
    archived: false,
    tags: [],
    place: i % 2 ? 'Attic' : 'Cellar',
    last_seen: now,
    created: now,
    version: 1,
    topics: [],
    clients: [],
    merged: [],
    hardware: [],
    metrics: Array.from({ length: 1 + (i % 9) }, (_, n) => ({
      name: `value_${n}`,
      unit: '°C',
      unit_source: 'payload',
      kind: 'measurement',
      latest: { t: now, v: i / 10, q: 0 },
      display: {},
      first_t: now - 1000,
    })),
  }));
}

for (const [name, size] of Object.entries({ desk, phone })) {
  test(`of ten thousand devices those in view are drawn, every one is reached and found, ${name}`, async () => {
    const all = fleet(10_000);
    await onPage(
      '/',
      async (page) => {
        await page.getByText('10,000 devices').waitFor({ timeout: 60_000 });
        await page.getByRole('heading', { name: 'Board 00000' }).waitFor(within);
        const drawn = () => page.locator('.device').count();
        assert.ok((await drawn()) < 60, `${await drawn()} rows`);
        // To the middle and to the end: what is in view is there, and the list keeps its place.
        for (const share of [0.5, 1]) {
          await page.locator('.scroll').evaluate((view, at) => {
            view.scrollTop = view.scrollHeight * at;
          }, share);
          await page.waitForFunction(() => {
            const view = document.querySelector('.scroll').getBoundingClientRect();
            const mid = document.elementFromPoint(view.width / 2, view.top + view.height / 2);
            return mid?.closest('.device') || mid?.closest('.away-link');
          });
          assert.ok((await drawn()) < 60, `${await drawn()} rows`);
        }
        await page.getByRole('heading', { name: 'Board 09999' }).waitFor(within);
        await page.getByRole('searchbox', { name: 'Find' }).fill('attic 04321');
        await page.getByRole('heading', { name: 'Board 04321' }).waitFor(within);
        await page.getByText('1 shown').waitFor();
        await page.goto(page.url());
        await page.getByRole('heading', { name: 'Board 04321' }).waitFor({ timeout: 60_000 });
        assert.equal(await drawn(), 1);
      },
      {
        size,
        // The server does not know them.
        forgives: (text) => text.includes('404'),
        prepare: (page) =>
          page.route('**/api/v1/devices*', (route) => {
            const query = new URL(route.request().url()).searchParams;
            const start = Number(query.get('cursor') ?? 0);
            const end = start + Number(query.get('limit'));
            const next_cursor = end < all.length ? String(end) : null;
            return route.fulfill({ json: { items: all.slice(start, end), next_cursor } });
          }),
      },
    );
  });
}
