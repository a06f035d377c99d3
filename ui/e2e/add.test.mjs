// Add device: four paths by what one holds, and a line that shows the device when it speaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, freshKey, onPage, publish, useBrowser } from './harness.mjs';

useBrowser();

test('add: each path has host, port and topic filled in, and what it says really works', async () => {
  const { mqtt } = await ask('/about');
  const { port } = new URL(mqtt[0].replace('mqtt', 'http'));
  const key = freshKey('bench');
  await onPage('/add', async (page) => {
    await page.getByLabel('Topic').fill(`${key}/climate`);
    const sketch = page.getByRole('region', { name: 'A sketch for ESP32 and ESP8266' });
    await sketch.getByText(`const int port = ${port};`).waitFor();
    assert.doesNotMatch(await sketch.textContent(), /127\.0\.0\.1|localhost/);
    await sketch.getByText(`const char topic[] = "${key}/climate";`).waitFor();
    await page.getByRole('button', { name: /Copy: A sketch/ }).click();
    await page.getByText('Copied').waitFor();
    await page.getByRole('link', { name: /ESPHome/ }).click();
    await page.getByText(`topic_prefix: "${key}"`).waitFor();
    await page.getByRole('link', { name: /Tasmota/ }).click();
    await page.getByText(/Backlog MqttHost/).waitFor();
    await page.getByRole('link', { name: /Anything with HTTP/ }).click();
    const line = await page.getByText(/^curl -d/).textContent();
    const [, body, address] = /-d '([^']+)' '([^']+)'/.exec(line);
    const answer = await fetch(address, { method: 'POST', body });
    assert.equal((await answer.json()).outcome, 'stored');
    await page.getByText(`Heard ${key}/climate`).waitFor();
    await page.goBack();
    await page.getByText(/Backlog MqttHost/).waitFor();
  });
});

test('add: a device that was known before is shown when it speaks again', async () => {
  const key = freshKey('again');
  await publish(`${key}/temperature`, '20.5');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await onPage('/add', async (page) => {
    await page.getByLabel('Topic').fill(`${key}/temperature`);
    await page.getByText('nothing on this topic').waitFor();
    await page.locator('.top .badge', { hasText: 'Live' }).waitFor();
    await publish(`${key}/temperature`, '21.5');
    await page.getByText('Heard again from').waitFor();
  });
});

test('add: a topic that nobody can publish to is refused with its reason', async () => {
  await onPage('/add', async (page) => {
    await page.getByLabel('Topic').fill('home/+/climate');
    await page.getByText(/\+ and # are for reading/).waitFor();
    assert.equal(await page.getByLabel('Topic').getAttribute('aria-invalid'), 'true');
    assert.equal(await page.locator('.add-path').count(), 0);
  });
});
