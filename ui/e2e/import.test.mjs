// A table is brought in: looked at, mapped by column, watched, and what was not stored is told by line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  desk,
  freshKey,
  lane,
  lanesReady,
  onPage,
  phone,
  publish,
  url,
  useBrowser,
} from './harness.mjs';

useBrowser();

const table = (key, rows) => ({
  name: `${key.replaceAll('/', '-')}.csv`,
  mimeType: 'text/csv',
  buffer: Buffer.from(['Datum;Uhrzeit;Temperatur (°C);Feuchte (%)', ...rows, ''].join('\n')),
});
const rows = [
  '24.11.2026;08:00;21,5;48,2',
  '24.11.2026;08:10;21,7;48,0',
  '24.11.2026;08:20;broken;47,9',
  '24.11.2026;08:30;21,9;47,5',
];

for (const [name, size] of Object.entries({ desk, phone })) {
  test(`import: a table is looked at before anything is stored, mapped, and brought in, ${name}`, async () => {
    const key = freshKey('table');
    await onPage(
      '/sources',
      async (page) => {
        await page.getByRole('button', { name: 'CSV file' }).click();
        await page.getByLabel('Choose a table (CSV)').setInputFiles(table(key, rows));
        await page.getByLabel('Device', { exact: true }).fill(key);
        await page.getByText(`of ${key}`).waitFor();
        assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Berlin');
        const metric = page.getByLabel('Metric of Temperatur (°C)');
        await metric.fill('');
        await page.getByText('Every column of values needs a name.').waitFor();
        await metric.fill('attic_temperature');
        await page.getByText('attic_temperature = 21.5 °C').waitFor();
        await page
          .locator('.import')
          .getByText(/Line 4:/)
          .waitFor();
        await page.getByRole('button', { name: 'Import', exact: true }).click();
        const imports = page.getByRole('list', { name: 'Imports' });
        const one = imports
          .getByRole('listitem')
          .filter({ hasText: table(key, []).name })
          .first();
        await one.getByText('imported').waitFor();
        await one.getByText(/stored 7/).waitFor();
        await one.getByText('1 not stored').click();
        await one.getByText(/Line 4:/).waitFor();
        await one.getByRole('link', { name: `Open ${key} at 24 Nov 2026` }).click();
        await lanesReady(page);
        await page.getByText('never live').first().waitFor();
        await lane(page, 'Attic temperature')
          .getByText(/3 readings/)
          .first()
          .waitFor();
        assert.equal(await page.getByText('No readings in this range').count(), 0);
      },
      { size },
    );
    const device = await ask(`/devices/${encodeURIComponent(key)}`);
    const temperature = device.metrics.find((metric) => metric.name === 'attic_temperature');
    // 08:30 in Berlin.
    assert.deepEqual(temperature.latest, { t: Date.UTC(2026, 10, 24, 7, 30), v: 21.9, q: 0 });
  });
}

test('import: a device whose readings are all long past opens on them', async () => {
  const key = freshKey('past');
  const start = Date.UTC(2021, 2, 1, 12);
  for (const hour of [0, 1, 2])
    await publish(key, { ts: start + hour * 3_600_000, temperature: 20 + hour });
  await onPage(`/device?${new URLSearchParams({ key })}`, async (page) => {
    await lanesReady(page);
    await lane(page, 'Temperature')
      .getByText(/3 readings/)
      .waitFor({ timeout: 20_000 });
    await page.getByText('History').first().waitFor();
  });
});

test('import: a long table shows its progress, and is stopped', async () => {
  const key = freshKey('long');
  const start = Date.UTC(2020, 0, 1);
  const long = ['time,temperature'];
  for (let i = 0; i < 100_000; i++)
    long.push(`${start + i * 60_000},${(20 + (i % 100) / 10).toFixed(1)}`);
  await onPage(
    '/sources?add=csv',
    async (page) => {
      // Some 3 MB on a slow line: it takes ten seconds, however fast the server is.
      const line = await page.context().newCDPSession(page);
      await line.send('Network.enable');
      await line.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: 250_000,
      });
      await page.getByLabel('Choose a table (CSV)').setInputFiles({
        name: 'long.csv',
        mimeType: 'text/csv',
        buffer: Buffer.from(long.join('\n')),
      });
      await page.getByLabel('Device', { exact: true }).fill(key);
      await page.getByText(`of ${key}`).waitFor();
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      const one = page.getByRole('list', { name: 'Imports' }).getByRole('listitem').first();
      await page.getByRole('progressbar', { name: 'Progress of long.csv' }).waitFor();
      await one.getByRole('button', { name: 'Stop long.csv' }).click();
      await one.getByText('stopped').waitFor();
      // The page sends no more of it, and the mapping stays for another try.
      await page.getByRole('button', { name: 'Import', exact: true, disabled: false }).waitFor();
    },
    { forgives: (text) => /imports|ERR_|409|422|499/.test(text) },
  );
  const { items } = await (await fetch(`${url}/api/v1/imports`)).json();
  const stopped = items.find((one) => one.name === 'long.csv');
  assert.equal(stopped.state, 'cancelled');
  assert.ok(stopped.rows < 100_000, `${stopped.rows} rows`);
});

test('import: what is no table is refused with a reason, and the page stays as it was', async () => {
  await onPage(
    '/sources?add=csv',
    async (page) => {
      await page.getByLabel('Choose a table (CSV)').setInputFiles({
        name: 'notes.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('hello\nthis is no table\n'),
      });
      await page.getByText('Which column says when?').waitFor();
      assert.equal(
        await page.getByRole('button', { name: 'Import', exact: true }).isDisabled(),
        true,
      );
      await page.getByRole('button', { name: 'Close' }).click();
      await page.waitForFunction(() => document.activeElement?.id === 'import-csv');
    },
    { forgives: (text) => text.includes('422') },
  );
});
