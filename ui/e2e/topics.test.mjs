// Topics: what is on the wire, why it is charted or is not, and rules made from messages.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
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

const topicPage = (topic) => `/topics?${new URLSearchParams({ topic })}`;
const searchPage = (q) => `/topics?${new URLSearchParams({ q })}`;
const leaf = (page, topic) => page.locator(`.leaf[href$="${new URLSearchParams({ topic })}"]`);

const makeRule = (rule) => call('POST', '/rules', { rule });
const removeRule = (id) => call('DELETE', `/rules/${id}`);
const rulesOf = async (part) =>
  (await ask('/rules')).items.filter(({ rule }) => rule.match.includes(part));

test('the tree shows every topic with its last message, and follows it', async () => {
  const base = freshKey('tree');
  await publish(`${base}/a/temperature`, '21.5');
  await publish(`${base}/a/humidity`, '48');
  await publish(`${base}/b/state`, 'started');
  await onPage(searchPage(base), async (page) => {
    const row = leaf(page, `${base}/a/temperature`);
    await row.getByText('21.5').waitFor();
    await row.getByText('number').waitFor();
    await row.getByText('1 a minute').waitFor();
    await leaf(page, `${base}/b/state`)
      .getByText('nothing to chart')
      .waitFor({ state: 'attached' });

    await publish(`${base}/a/temperature`, '22.75');
    await row.getByText('22.75').waitFor();

    const level = page.getByRole('button', { name: /^a 2 topics/ });
    await level.click();
    await row.waitFor({ state: 'detached' });
    assert.equal(await level.getAttribute('aria-expanded'), 'false');
    await level.focus();
    await page.keyboard.press('ArrowRight');
    await row.waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `${base}/a/temperature` }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('topic'), `${base}/a/temperature`);
  });
});

test('a topic is found by a part of its name; what was looked for is in the address', async () => {
  const base = freshKey('Find');
  await publish(`${base}/x`, '1');
  await onPage('/topics', async (page) => {
    await page.getByLabel('Find a topic').fill(base.toUpperCase());
    await leaf(page, `${base}/x`).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.leaf').length === 1);
    assert.equal(new URL(page.url()).searchParams.get('q'), base.toUpperCase());
    await page.getByLabel('Find a topic').fill('no such topic');
    await page.getByText('No topic holds “no such topic”.').waitFor();
  });
});

test('a topic that is not charted says why, step by step, and when it is charted again', async () => {
  const topic = freshKey('why');
  await publish(topic, '{"temperature": 21.5, "hum');
  await onPage(topicPage(topic), async (page) => {
    await page.getByRole('heading', { name: 'Why is this not on my chart?' }).waitFor();
    await page.getByText(/It is not charted: .*byte 25/).waitFor();
    await page.getByText('{"temperature": 21.5, "hum').first().waitFor();
    await page.getByText('It is kept in the list of unread messages.').waitFor();

    await publish(topic, { temperature: 21.5, t: 1e15 });
    await page.getByRole('heading', { name: 'Why is this on my chart?' }).waitFor();
    const readings = page.getByRole('table', { name: 'Readings of this message' }).first();
    const row = readings.getByRole('row', { name: /temperature/ });
    await row.getByText('21.5').waitFor();
    await row.getByText('assumed').waitFor({ state: 'attached' });
    await page.locator('.earlier summary').first().click();
    await page.getByText('It is kept in the list of unread messages.').waitFor();
    await page.getByRole('link', { name: `Chart of ${topic}` }).click();
    await page.getByRole('heading', { name: topic }).first().waitFor();
  });
});

test('from an unread message to a rule, tried before it is saved, and to the chart', async () => {
  const base = freshKey('map');
  const topic = `${base}/${base.split('/')[1]}/raw`;
  await publish(topic, '[12;234;55]');
  await publish(topic, '[13;236;56]');
  await onPage(
    '/inbox',
    async (page) => {
      const button = page.getByRole('button', {
        name: `Suggest a mapping for the message on ${topic}`,
      });
      await button.first().click();
      const dialog = page.getByRole('dialog', { name: 'New rule' });
      await dialog.getByLabel('Topics').fill(`${base}/{device}/raw`);
      await dialog.getByLabel('Written as').selectOption('columns');
      const remove = dialog.getByRole('button', { name: /^Remove value/ });
      while ((await remove.count()) > 0) await remove.first().click();
      await dialog.getByRole('button', { name: 'Add a value' }).click();
      await dialog.getByLabel('Column, from 1').fill('two');
      await dialog.getByText('A column is a number from 1.').waitFor();
      await dialog.getByLabel('Column, from 1').fill('2');
      await dialog.getByLabel('Metric').fill('temperature');
      await dialog.getByLabel('Unit').fill('°C');
      await dialog.getByText('Scale, valid range, meaning').click();
      await dialog.getByLabel('Multiply by').fill('0,1');

      const said = dialog.getByRole('table', { name: `Readings of ${topic}` });
      await said.getByText('23.4').waitFor();
      await said.getByText('23.6').waitFor();
      assert.deepEqual(await rulesOf(base), [], 'trying saves nothing');
      await page.keyboard.press('Escape');
      await dialog.getByText('The rule is not saved.').waitFor();
      await dialog.getByRole('button', { name: 'Keep editing' }).click();
      await dialog.getByRole('button', { name: /^Save and read \d+ messages again$/ }).click();
      await page.getByText(/The rule is saved. \d+ unread messages were read again: /).waitFor();
      await button.first().waitFor({ state: 'detached' });
    },
    halfWritten,
  );
  await onPage(topicPage(topic), async (page) => {
    await publish(topic, '[14;241;57]');
    await page.getByRole('heading', { name: 'Why is this on my chart?' }).waitFor();
    await page.getByRole('table').getByText('24.1').first().waitFor();
    await page.getByRole('button', { name: 'Change the rule of this message' }).waitFor();
    await page.getByRole('link', { name: /^Chart of / }).click();
    await page.getByRole('region', { name: 'Temperature' }).getByText('24.1').first().waitFor();
  });
  const { items } = await ask(`/inbox/messages?limit=1000`);
  assert.ok(!items.some((message) => message.topic === topic), 'nothing is left unread');
  for (const { id } of await rulesOf(base)) await removeRule(id);
});

test('a rule is written as JSON too, and what is wrong is told where it is wrong', async () => {
  const device = freshKey('json');
  await publish(`${device}/data`, { temp: 215 });
  await onPage(
    topicPage(`${device}/data`),
    async (page) => {
      await page.getByRole('button', { name: 'Make a rule from this message' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'JSON' }).click();
      const text = dialog.getByLabel('The rule as the API takes it');
      await text.fill('{"match":');
      await dialog.getByText(/This is no JSON object/).waitFor();
      const rule = {
        match: `${device}/data`,
        format: 'json',
        fields: [{ path: 'temp..x', metric: 'temperature' }],
      };
      await text.fill(JSON.stringify(rule));
      await dialog.getByText(/^fields\[0\]\.path: /).waitFor();
      await dialog.getByRole('button', { name: 'Form' }).click();
      const path = dialog.getByLabel('Path', { exact: true });
      await page.waitForFunction(() => document.querySelector('[aria-invalid="true"]'));
      assert.equal(await path.getAttribute('aria-invalid'), 'true');
      await path.fill('temp');
      await dialog.getByRole('table').getByText('215').waitFor();
      await dialog.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText(/^The rule is saved/).waitFor();
      const focus = await page.evaluate(() => document.activeElement.textContent);
      assert.match(focus, /rule/, 'the focus is back where the editor was opened');
    },
    halfWritten,
  );
  const [saved] = await rulesOf(device);
  assert.deepEqual(saved.rule.fields, [{ path: 'temp', metric: 'temperature' }]);
  await removeRule(saved.id);
});

test('a rule whose topics another takes is asked before that one, unless somebody says no', async () => {
  const base = freshKey('before');
  await publish(`${base}/a`, { temp: 215 });
  const wide = await makeRule({ match: `${base}/{rest*}`, route_only: true });
  await onPage(
    topicPage(`${base}/a`),
    async (page) => {
      await page.getByRole('button', { name: 'Make a rule from this message' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Topics').fill(`${base}/a`);
      await dialog.getByLabel('Path', { exact: true }).fill('temp');
      await dialog.getByLabel('Metric').fill('temperature');
      // A rule without a name is called by its topics.
      const before = dialog.getByLabel(`Ask it before “${base}/{rest*}”`);
      await before.waitFor({ timeout: 20_000 });
      assert.ok(await before.isChecked(), 'offered and on');
      await dialog.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText(/^The rule is saved/).waitFor({ timeout: 20_000 });
    },
    halfWritten,
  );
  const order = (await rulesOf(base)).map(({ rule, shadowed_by }) => [rule.match, shadowed_by]);
  assert.deepEqual(order, [
    [`${base}/a`, null],
    [wide.rule.match, null],
  ]);
  for (const { id } of await rulesOf(base)) await removeRule(id);
});

test('what a rule makes worse is told, and asked before it is saved', async () => {
  const topic = freshKey('worse');
  await publish(topic, { temperature: 21.5, humidity: 48 });
  await onPage(
    topicPage(topic),
    async (page) => {
      await page.getByRole('button', { name: 'Make a rule from this message' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Path', { exact: true }).fill('temperature');
      await dialog.getByLabel('Metric').fill('temperature');
      const patience = { timeout: 30_000 };
      await dialog.getByText('Gets worse: humidity would be lost.').waitFor(patience);
      await dialog.getByText(/temperature 21\.5.*, humidity 48/).waitFor();
      const save = dialog.getByRole('button', { name: 'Save', exact: true });
      await save.click();
      const asked = dialog.getByRole('alert').filter({ hasText: 'would lose values' });
      await asked.waitFor(patience);
      assert.deepEqual(await rulesOf(topic), [], 'asked before it is saved');
      await dialog.getByRole('button', { name: 'Keep editing' }).click();
      await save.click();
      await dialog.getByRole('button', { name: 'Save all the same' }).click(patience);
      await page.getByText(/^The rule is saved/).waitFor(patience);
    },
    halfWritten,
  );
  const [saved] = await rulesOf(topic);
  await removeRule(saved.id);
});

test('where nothing is suggested a rule is saved once it reads a value, or is meant to read none', async () => {
  const topic = freshKey('held');
  await publish(topic, 'hello');
  await onPage(
    topicPage(topic),
    async (page) => {
      await page.getByRole('button', { name: 'Make a rule from this message' }).click();
      const dialog = page.getByRole('dialog');
      const save = dialog.getByRole('button', { name: 'Save', exact: true });
      await dialog.getByText(/It can be saved once a value is read/).waitFor({ timeout: 20_000 });
      assert.ok(await save.isDisabled());
      await dialog.getByLabel('Topics').press('Enter');
      assert.deepEqual(await rulesOf(topic), [], 'Enter does not save it either');
      await dialog.getByLabel('Only pass messages on; read nothing').check();
      await dialog
        .getByText(/It can be saved once/)
        .waitFor({ state: 'detached', timeout: 20_000 });
      assert.ok(await save.isEnabled());
      await dialog.getByLabel('Only pass messages on; read nothing').uncheck();
      await dialog.getByText(/It can be saved once/).waitFor({ timeout: 20_000 });
      await dialog.getByRole('button', { name: 'Close' }).click();
    },
    halfWritten,
  );
});

test('rules stand in their order; a shadowed one says so; they are moved, switched and deleted', async () => {
  const base = freshKey('order');
  const wide = await makeRule({ name: `${base} wide`, match: `${base}/{rest*}`, route_only: true });
  const narrow = await makeRule({ name: `${base} narrow`, match: `${base}/a` });
  await onPage('/topics?view=rules', async (page) => {
    const row = (name) =>
      page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });
    await row(`${base} narrow`)
      .getByText(/Never asked: rule \d+ takes all/)
      .waitFor();

    await page.getByRole('button', { name: `Move ${base} narrow up` }).click();
    await row(`${base} narrow`)
      .getByText(/Never asked/)
      .waitFor({ state: 'detached' });
    const order = (await ask('/rules')).items.map(({ id }) => id);
    assert.ok(order.indexOf(narrow.id) < order.indexOf(wide.id));

    await page.getByLabel(`${base} wide is asked`).click();
    await page.waitForFunction(
      async ([path]) => (await (await fetch(path)).json()).enabled === false,
      [`/api/v1/rules/${wide.id}`],
    );

    await page.getByRole('button', { name: `Delete ${base} narrow` }).click();
    await row(`${base} narrow`).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await row(`${base} narrow`).waitFor();
    const after = (await ask('/rules')).items.map(({ rule }) => rule.name);
    assert.ok(after.indexOf(`${base} narrow`) < after.indexOf(`${base} wide`), 'at its old place');
  });
  for (const { id } of await rulesOf(base)) await removeRule(id);
});

test('a refused connection is told with its address and reason', async () => {
  const mqtt = new URL((await ask('/about')).mqtt[0].replace(/^mqtt/, 'http'));
  await new Promise((done, failed) => {
    const socket = connect(Number(mqtt.port || 1883), mqtt.hostname, () =>
      socket.write('GET / HTTP/1.1\r\n\r\n'),
    );
    socket.on('close', done);
    socket.on('error', failed);
    socket.resume();
  });
  await onPage('/inbox', async (page) => {
    await page.getByRole('link', { name: /^Refused/ }).click();
    const list = page.locator('#refused');
    await list.getByRole('heading', { name: 'Refused connections' }).waitFor();
    await list
      .getByText(/from 127\.0\.0\.1/)
      .first()
      .waitFor();
  });
});

test('41: axe finds nothing in the editor, in any theme or size', async () => {
  const topic = freshKey('axe');
  await publish(topic, '12;234;55;hello');
  for (const theme of ['light', 'dark']) {
    for (const [name, size] of Object.entries({ desk, phone })) {
      await onPage(
        topicPage(topic),
        async (page) => {
          await page.getByRole('button', { name: 'Make a rule from this message' }).click();
          const dialog = page.getByRole('dialog');
          await dialog.getByLabel('Topics').waitFor();
          await page.waitForFunction(() => !document.querySelector('.slim.is-busy'));
          await page.screenshot({ path: join(shots, `rule-${theme}-${name}.png`) });
          assert.deepEqual(await axeFindings(page), [], `${theme}, ${name}`);
          const wide = await dialog.evaluate((one) => one.scrollWidth - one.clientWidth);
          assert.ok(wide <= 0, `${wide} px too wide`);
        },
        { size, theme, bypassCSP: true, ...halfWritten },
      );
    }
  }
});
