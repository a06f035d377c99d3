// Health of a device: rhythm, loss, flaws, connection, and its last message step by step.
import { test } from 'node:test';
import { demoDevice, freshKey, onPage, publish, useBrowser } from './harness.mjs';

useBrowser();

const healthOf = (key) => `/device?${new URLSearchParams({ key, tab: 'health' })}`;
const fact = (page, name) => page.locator('.facts-of-health div', { hasText: name });

test('health: what was lost, what failed, and what the last message said', async () => {
  const key = freshKey('ill');
  for (const seq of [1, 2, 3, 6, 7]) await publish(key, { seq, temperature: 20 + seq / 10 });
  await publish(key, `{"seq":8,"temperature":nan}`);
  await onPage(healthOf(key), async (page) => {
    await fact(page, 'Lost on the way')
      .getByText(/2 of \d+/)
      .waitFor();
    await fact(page, 'Failed reads')
      .getByText(/1 of \d+/)
      .waitFor();
    await fact(page, 'Messages').getByText('6', { exact: true }).waitFor();
    const table = page.getByRole('table');
    await table.getByRole('row', { name: /Temperature/ }).waitFor();
    await page.getByText('{"seq":8,"temperature":nan}').waitFor();
    await page.getByRole('link', { name: key, exact: true }).waitFor();
    await publish(key, { seq: 9, temperature: 23.5 });
    await page.getByText('{"seq":9,"temperature":23.5}').waitFor();
  });
});

test('health: a device with a rhythm and a connection says so', async () => {
  const demo = await demoDevice();
  await onPage(healthOf(demo.key), async (page) => {
    await page.locator('.health-sentence').waitFor();
    await fact(page, 'Interval')
      .getByText(/\d+ (s|min)/)
      .waitFor();
    await fact(page, 'Connection')
      .getByText(/connected .* ago/)
      .waitFor();
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
  });
});
