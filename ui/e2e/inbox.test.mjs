// Inbox: what a decision came to is in sight where it was taken; and times that lie far away.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ask,
  axeFindings,
  call,
  desk,
  freshKey,
  halfWritten,
  onPage,
  phone,
  publish,
  shots,
  useBrowser,
} from './harness.mjs';

useBrowser();

const patience = { timeout: 30_000 };

async function removeRulesOf(part) {
  for (const { id, rule } of (await ask('/rules')).items) {
    if (rule.match.includes(part)) await call('DELETE', `/rules/${id}`);
  }
}

/** Whether all of it can be seen, and that the page has not jumped to its top. */
async function inSight(page, locator) {
  const box = await locator.boundingBox();
  const { height } = page.viewportSize();
  assert.ok(box.y >= 0 && box.y + box.height <= height, `at ${box.y} of ${height} px`);
}

for (const [name, size] of Object.entries({ desk, phone })) {
  test(`inbox: after a save far down the list its result is in sight, and has the focus, ${name}`, async () => {
    const base = freshKey('sight');
    for (let i = 0; i < 25; i++) await publish(`${base}/n${i}/raw`, `[12;${i};55]`);
    await onPage(
      '/inbox',
      async (page) => {
        const button = page.getByRole('button', {
          name: `Suggest a mapping for the message on ${base}/n0/raw`,
        });
        await button.click(patience);
        const dialog = page.getByRole('dialog', { name: 'New rule' });
        await dialog.getByLabel('Topics').fill(`${base}/{device}/raw`);
        await dialog.getByLabel('Written as').selectOption('columns');
        const remove = dialog.getByRole('button', { name: /^Remove value/ });
        while ((await remove.count()) > 0) await remove.first().click();
        await dialog.getByRole('button', { name: 'Add a value' }).click();
        await dialog.getByLabel('Column, from 1').fill('2');
        await dialog.getByLabel('Metric').fill('temperature');
        await dialog.getByRole('table').first().waitFor(patience);
        await dialog.getByRole('button', { name: /^Save and read / }).click();
        const told = page.getByText(
          'The rule is saved. 25 unread messages were read again: 25 stored.',
        );
        await told.waitFor(patience);
        await button.waitFor({ state: 'detached' });
        await dialog.waitFor({ state: 'hidden' });
        await page.waitForFunction(
          () => document.activeElement?.closest('.told') !== null,
          null,
          patience,
        );
        await inSight(page, told);
        assert.equal(await page.locator('[role=status]', { has: told }).count(), 1, 'announced');
      },
      { size, ...halfWritten },
    );
    await removeRulesOf(base);
  });
}

test('a time of another year has its year, and the chart is opened there', async () => {
  const topic = freshKey('then');
  await publish(topic, { temperature: 21.5, time: '2019-05-03T10:00:00Z' });
  await onPage(`/topics?${new URLSearchParams({ topic })}`, async (page) => {
    await page.getByText(/from 2019-05-03: choose a range that holds that day/).waitFor(patience);
    await page.getByRole('table').getByText('3 May 2019 12:00:00').first().waitFor();
    await page.getByRole('link', { name: `Chart of ${topic} on 3 May 2019` }).click();
    const lane = page.getByRole('region', { name: 'Temperature' });
    await lane.getByText('21.5').first().waitFor(patience);
    assert.match(page.url(), /from=155\d+&to=155\d+/);
  });

  await publish(topic, { temperature: 22, time: '1970-01-01T00:00:12Z' });
  await onPage(`/topics?${new URLSearchParams({ topic })}`, async (page) => {
    const row = page.getByRole('row', { name: /temperature/ }).first();
    await row.getByText('1 Jan 1970 01:00:12').waitFor(patience);
    await row.getByText('not believed: on arrival').waitFor();
    await page.getByText(/^Its time 1970-01-01T00:00:12Z is not believed/).waitFor();
  });
});

for (const [name, size] of Object.entries({ desk, phone })) {
  test(`inbox: many new devices are accepted or ignored at once, and taken back, ${name}`, async () => {
    const base = freshKey('many');
    const keys = ['a', 'b', 'c'].map((part) => `${base}/${part}`);
    for (const key of keys) await publish(key, { temperature: 21 });
    const isNew = async () =>
      (await ask('/devices?limit=2000')).items
        .filter((one) => keys.includes(one.key))
        .map((one) => one.new);
    await onPage(
      '/inbox',
      async (page) => {
        const mark = (key) => page.getByLabel(`Mark ${key}`);
        for (const key of keys) await mark(key).check(patience);
        await page.getByRole('button', { name: 'Accept 3' }).click();
        await page.getByText('3 devices accepted.').waitFor(patience);
        for (const key of keys) await mark(key).waitFor({ state: 'detached', ...patience });
        assert.deepEqual(await isNew(), [false, false, false]);
        await inSight(page, page.getByText('3 devices accepted.'));

        await page.getByRole('button', { name: 'Undo' }).click();
        for (const key of keys) await mark(key).waitFor(patience);
        assert.deepEqual(await isNew(), [true, true, true]);

        await mark(keys[0]).check();
        await mark(keys[1]).check();
        await page.getByRole('button', { name: 'Ignore 2' }).click();
        await page.getByText('2 devices are ignored;').waitFor(patience);
        for (const key of keys.slice(0, 2))
          await mark(key).waitFor({ state: 'detached', ...patience });
        assert.equal((await publish(keys[0], { temperature: 22 })).code, 'ignored');
        await page.getByRole('button', { name: 'Undo' }).click();
        for (const key of keys) await mark(key).waitFor(patience);
        assert.deepEqual(await axeFindings(page), []);
        await page.screenshot({ path: join(shots, `inbox-many-${name}.png`) });
      },
      { size, bypassCSP: true },
    );
    assert.equal((await publish(keys[0], { temperature: 23 })).outcome, 'stored', 'heard again');
    assert.deepEqual(await isNew(), [true, true, true]);
  });
}
