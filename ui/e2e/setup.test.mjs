// Set-up of a device: what it is called, whose messages are its own, how values are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  devicePath,
  freshKey,
  lane,
  lanesReady,
  onPage,
  publish,
  useBrowser,
} from './harness.mjs';

useBrowser();

const minute = 60_000;
const pathOf = (key) => `/devices/${encodeURIComponent(key)}`;
const setupOf = (key) => `/device?${new URLSearchParams({ key, tab: 'setup' })}`;

async function freshDevice(name) {
  const key = freshKey(name);
  const now = Date.now();
  for (const [ago, temperature] of [
    [9, 20.0],
    [6, 20.5],
    [3, 21.0],
    [0.1, 21.5],
  ]) {
    const answer = await publish(key, { ts: Math.round(now - ago * minute), temperature });
    assert.equal(answer.outcome, 'stored', JSON.stringify(answer));
  }
  return key;
}

const section = (page, title) =>
  page.locator('.setting').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

test('setup: a device is renamed, placed and tagged by keyboard, and every page knows', async () => {
  const key = await freshDevice('named');
  await onPage(devicePath(key), async (page) => {
    await page.getByRole('link', { name: 'Set-up' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Attic window');
    await page.getByRole('combobox', { name: 'Place' }).fill('Attic');
    await page.getByRole('combobox', { name: 'Group' }).fill('Windows');
    await page.getByRole('textbox', { name: 'Tags' }).fill('north, cold, north');
    await page.keyboard.press('Enter');
    await page.getByText('Saved.').waitFor();
    await page.getByRole('heading', { name: 'Attic window' }).waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('link', { name: 'Attic window' }).waitFor();
  });
  const device = await ask(pathOf(key));
  assert.deepEqual(
    [device.place, device.group, device.tags],
    ['Attic', 'Windows', ['north', 'cold']],
  );
});

test('setup: a change made elsewhere meanwhile is not overwritten', async () => {
  const key = await freshDevice('both');
  await onPage(
    setupOf(key),
    async (page) => {
      await page.getByRole('combobox', { name: 'Place' }).fill('Here');
      await fetch(`${new URL(page.url()).origin}/api/v1${pathOf(key)}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: '{"group":"Elsewhere"}',
      });
      await page.keyboard.press('Enter');
      await page
        .getByText(/Somebody else changed it|Saved\./)
        .first()
        .waitFor();
      const device = await ask(pathOf(key));
      assert.equal(device.group, 'Elsewhere');
    },
    { forgives: (text) => text.includes('412') },
  );
});

test('setup: a calibration is tried on the newest value, changes the chart, and is taken back', async () => {
  const key = await freshDevice('calibrated');
  await onPage(setupOf(key), async (page) => {
    const metrics = section(page, 'Metrics');
    await metrics.locator('summary').first().click();
    await metrics.getByText('Values are shown as the device sends them.').waitFor();
    await metrics.getByText('Two known values').click();
    for (const [label, value] of [
      ['Sent value 1', '20'],
      ['True value 1', '120'],
      ['Sent value 2', '21'],
      ['True value 2', '122'],
    ])
      await metrics.getByLabel(label).fill(value);
    await metrics.getByText('sent as 21.5 °C and would be shown as 123 °C').waitFor();
    await metrics.getByLabel('True value 2').fill('120');
    await metrics.getByRole('button', { name: 'Calibrate' }).click();
    await metrics.getByText('Both pairs have to differ').waitFor();
    await metrics.getByLabel('True value 2').fill('122');
    await metrics.getByRole('button', { name: 'Calibrate' }).click();
    await metrics.getByText('× 2 + 80').first().waitFor();

    await page.getByRole('link', { name: 'Charts' }).click();
    await lanesReady(page);
    await lane(page, 'Temperature').locator('.pen-value', { hasText: '123' }).waitFor();

    await page.goBack();
    await metrics.locator('summary').first().click();
    await metrics.getByRole('button', { name: /Take back the calibration/ }).click();
    await metrics.getByText('Values are shown as the device sends them.').waitFor();
    await page.getByRole('link', { name: 'Charts' }).click();
    await lanesReady(page);
    await lane(page, 'Temperature').locator('.pen-value', { hasText: '21.5' }).waitFor();
  });
});

test('setup: a chart that is open is read again when a calibration changes', async () => {
  const key = await freshDevice('watched');
  await onPage(devicePath(key), async (page) => {
    await lanesReady(page);
    await lane(page, 'Temperature').locator('.pen-value', { hasText: '21.5' }).waitFor();
    const asked = page.waitForRequest((one) => /\/windows/.test(one.url()), { timeout: 20_000 });
    const path = `${new URL(page.url()).origin}/api/v1${pathOf(key)}/calibrations/temperature`;
    const answer = await fetch(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"items":[{"offset":10}]}',
    });
    assert.equal(answer.status, 200);
    await asked;
    await lane(page, 'Temperature').locator('.pen-value', { hasText: '31.5' }).waitFor();
  });
});

test('setup: values are shown in the unit and with the digits that somebody chose', async () => {
  const key = await freshDevice('shown');
  await onPage(setupOf(key), async (page) => {
    const metrics = section(page, 'Metrics');
    await metrics.locator('summary').first().click();
    await metrics.getByLabel('Unit').fill('°F');
    await metrics.getByLabel('Decimals').fill('2');
    await page.keyboard.press('Enter');
    await metrics.getByText('Saved.').waitFor();
    await page.getByRole('link', { name: 'Charts' }).click();
    await lanesReady(page);
    const value = lane(page, 'Temperature').locator('.pen-value');
    await value.filter({ hasText: '70.70' }).waitFor();
    await value.filter({ hasText: '°F' }).waitFor();
    await page.locator('.top .badge', { hasText: 'Live' }).waitFor();
    await publish(key, { temperature: 22.5 });
    await value.filter({ hasText: '72.50' }).waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.locator('.device', { hasText: key }).getByText('72.50').waitFor();
  });
});

test('setup: replaced hardware is a dated mark through all lanes, and can be taken back', async () => {
  const key = await freshDevice('replaced');
  await onPage(setupOf(key), async (page) => {
    const hardware = section(page, 'Hardware');
    await hardware.getByLabel('Note').fill('second DHT22');
    await hardware.getByRole('button', { name: 'Mark as replaced' }).click();
    await hardware.getByText('second DHT22').waitFor();
    await page.getByRole('link', { name: 'Charts' }).click();
    const marks = page.getByRole('list', { name: 'Marks' });
    await marks.getByText(/Hardware replaced .*: second DHT22/).waitFor({ state: 'attached' });
    await page.goBack();
    await hardware.getByRole('button', { name: /Take back the mark/ }).click();
    await hardware.getByText('second DHT22').waitFor({ state: 'detached' });
  });
});

test('33: a device is archived, brought back, merged, and deleted by its name', async () => {
  const key = await freshDevice('going');
  const twin = await freshDevice('twin');
  await onPage(
    setupOf(key),
    async (page) => {
      const leaving = section(page, 'Out of the way');
      await leaving.getByRole('button', { name: 'Archive' }).click();
      await leaving.getByRole('button', { name: 'Back into the lists' }).click();
      await leaving.getByRole('button', { name: 'Archive' }).waitFor();
      await leaving.getByLabel('Merge into').selectOption(twin);
      await leaving.getByRole('button', { name: 'Merge' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox').fill(key);
      await dialog.getByRole('button', { name: 'Merge' }).click();
      await page.waitForURL((address) => address.searchParams.get('key') === twin);
      await page.getByRole('heading', { name: twin }).waitFor();
      await page.getByRole('link', { name: 'Set-up' }).click();
      await leaving.getByRole('button', { name: 'Delete' }).click();
      await dialog.getByText(/readings? go(es)? with it/).waitFor();
      await dialog.getByRole('textbox').fill('something else');
      await page.keyboard.press('Enter');
      await dialog.getByText(`That is not ${twin}.`).waitFor();
      await dialog.getByRole('textbox').fill(twin);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
    },
    { forgives: (text) => text.includes('409') },
  );
});
