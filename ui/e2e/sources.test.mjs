// Sources: how data gets in, whether each way is healthy, and brokers added while all runs.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { desk, onPage, phone, publish, url, useBrowser } from './harness.mjs';
import { freePort, hasMosquitto, startMosquitto } from './mosquitto.mjs';

useBrowser();

const way = (page, name) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

async function removeAll() {
  const { items } = await (await fetch(`${url}/api/v1/brokers`)).json();
  for (const { name } of items) await fetch(`${url}/api/v1/brokers/${name}`, { method: 'DELETE' });
}
afterEach(removeAll);

test('sources: with no broker there is the address for devices, and doors that lead on', async () => {
  await onPage('/sources', async (page) => {
    await page.getByText('Devices can reach this server at').waitFor();
    await way(page, 'Broker of this server').getByText('listening').waitFor();
    await way(page, 'HTTP').waitFor();
    await page.getByRole('button', { name: 'HiveMQ Cloud' }).click();
    await page.getByRole('heading', { name: 'Add a broker' }).waitFor();
    assert.ok(page.url().includes('add=hivemq'));
    assert.equal(await page.getByRole('radio', { name: 'HiveMQ Cloud' }).isChecked(), true);
    await page.goBack();
    await page.getByRole('heading', { name: 'Add a broker' }).waitFor({ state: 'detached' });
  });
});

test('sources: what comes in is counted on its way', async () => {
  await onPage('/sources', async (page) => {
    const received = page.locator('#way-http div', { hasText: 'received' }).locator('dd');
    const count = async () => Number((await received.textContent()).replaceAll(',', ''));
    const before = await count();
    await publish('e2e/way/temperature', '21.5');
    for (let i = 0; i < 300 && (await count()) <= before; i++) await page.waitForTimeout(100);
    assert.ok((await count()) > before, 'the message is not counted');
  });
});

test('32: the form of a broker says what is wrong at its field, by keyboard alone', async () => {
  await onPage(
    '/sources',
    async (page) => {
      await page.getByRole('button', { name: 'Add a broker' }).focus();
      await page.keyboard.press('Enter');
      const host = page.getByRole('textbox', { name: 'Host' });
      await host.waitFor();
      assert.equal(await host.evaluate((one) => one === document.activeElement), true);
      await page.keyboard.press('Enter');
      await page.getByText('This is needed.').waitFor();
      assert.equal(await host.getAttribute('aria-invalid'), 'true');
      await host.fill('127.0.0.1');
      await page.getByRole('textbox', { name: 'Topic filter 1' }).fill('home/#/x');
      await page.keyboard.press('Enter');
      const filter = page.getByRole('textbox', { name: 'Topic filter 1' });
      await page.locator('.form-fault').waitFor();
      await page.waitForFunction(() => document.activeElement?.dataset.member === 'filters');
      assert.equal(await filter.getAttribute('aria-invalid'), 'true');
      page.once('dialog', (dialog) => dialog.dismiss());
      await page.getByRole('link', { name: 'Overview' }).click();
      assert.ok(page.url().includes('/sources'), 'what was typed is not thrown away unasked');
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.waitForFunction(() => document.activeElement?.id === 'add-broker');
    },
    { forgives: (text) => text.includes('422') },
  );
});

test('sources: a broker that nobody answers at says so, is edited, paused, and removed by name', async () => {
  const port = await freePort();
  await onPage('/sources?add=mosquitto', async (page) => {
    await page.getByRole('textbox', { name: 'Host' }).fill(`mqtt://127.0.0.1:${port}`);
    await page.keyboard.press('Tab');
    assert.equal(await page.getByRole('textbox', { name: 'Port' }).inputValue(), String(port));
    await page.getByRole('button', { name: 'Connect' }).click();
    const broker = way(page, 'broker_127_0_0_1');
    await broker.getByText('failing').waitFor();
    await broker.getByText('It is tried again by itself.').waitFor();
    await broker.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('textbox', { name: 'Topic filter 1' }).fill('home/#');
    await page.getByRole('button', { name: 'Save' }).click();
    await broker.getByText('home/#').waitFor();
    await broker.getByRole('button', { name: 'Pause' }).click();
    await broker.getByText('paused').waitFor();
    await broker.getByRole('button', { name: 'Remove' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('broker');
    await page.keyboard.press('Enter');
    await dialog.getByText('That is not broker_127_0_0_1.').waitFor();
    await dialog.getByRole('textbox').fill('broker_127_0_0_1');
    await page.keyboard.press('Enter');
    await broker.waitFor({ state: 'detached' });
  });
});

test('sources: a real Mosquitto, its wrong password told, its topics seen live and chosen from', {
  skip: !hasMosquitto && 'there is no mosquitto',
}, async () => {
  const mosquitto = await startMosquitto('ann', 'right one');
  try {
    for (const size of [desk, phone]) {
      await onPage(
        '/sources?add=mosquitto',
        async (page) => {
          await page.getByRole('textbox', { name: 'Host' }).fill('127.0.0.1');
          await page.getByRole('textbox', { name: 'Port' }).fill(String(mosquitto.port));
          await page.getByLabel('User, if it asks for one').fill('ann');
          await page.getByLabel('Password, if it asks for one').fill('wrong one');
          await page.getByRole('button', { name: 'Connect' }).click();
          const broker = way(page, 'broker_127_0_0_1');
          await broker.getByText(/password (may be|is) wrong/).waitFor();

          await broker.getByRole('button', { name: 'Edit' }).click();
          await page.getByText('One is kept.').waitFor();
          await page.getByLabel('Password, if it asks for one').fill('right one');
          await page.getByRole('button', { name: 'Save' }).click();
          await broker.getByText('connected', { exact: true }).waitFor();

          const seen = broker.getByText('Topics seen live');
          if ((await broker.locator('.seen[open]').count()) === 0) await seen.click();
          mosquitto.publish('shed/climate/temperature', '17.25');
          mosquitto.publish('shed/climate/humidity', '71');
          mosquitto.publish('noise/counter', '3');
          await broker.getByText('17.25').waitFor();
          await broker.getByRole('checkbox', { name: /shed\/climate\/#/ }).check();
          await broker.getByRole('button', { name: 'Read only these' }).click();
          await broker.locator('.way-filters', { hasText: 'shed/climate/#' }).waitFor();
          const { items } = await (await fetch(`${url}/api/v1/brokers`)).json();
          assert.deepEqual(items[0].filters, [{ filter: 'shed/climate/#', qos: 1 }]);
        },
        { size },
      );
      await removeAll();
    }
  } finally {
    mosquitto.stop();
  }
});
