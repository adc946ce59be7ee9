// What holds for any server and any model: nothing here looks at what an answer says.
import assert from 'node:assert/strict';
import {
  answers, ask, askAndWatch, composer, lastAnswer, limitNetwork, newPage, seriousFindings, untilDone,
} from './browser.mjs';

export const anyServer = new Map();

const shown = (page) => page.locator('article .body').allTextContents();
const label = (page, name) => page.getByRole('button', { name, exact: true });

anyServer.set('asks, streams, stops, regenerates, edits, reloads', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  const lengths = await askAndWatch(page, 'Once upon a time');
  assert(lengths.length >= 3, `the answer grew in ${lengths.length} steps`);
  assert.equal(await composer(page).inputValue(), '');
  assert.match(await page.locator('.message-foot .figures').last().textContent(), /\d+ tokens · [\d.]+ tokens\/s/);
  assert.match(await page.locator('.meter').textContent(), /of [\d,]+ tokens/);
  assert.match(await page.locator('#announcer').textContent(), /^Answer finished/);

  // Stop keeps what came. The network is slow, as some models are not.
  const lift = await limitNetwork(page, 4000);
  await label(page, 'Regenerate').last().click();
  await page.locator('.message-foot .figures').last().waitFor({ state: 'detached' });
  await lastAnswer(page).locator('> .markdown, > .plain').filter({ hasText: /\w/ }).waitFor();
  await page.keyboard.press('Escape');
  await untilDone(page);
  await lift();
  assert.match(await lastAnswer(page).textContent(), /Stopped\./);
  assert.match(await page.locator('article.assistant .versions').last().textContent(), /2\/2/);

  // The version before is still there.
  await label(page, 'Version before').last().click();
  assert.match(await page.locator('article.assistant .versions').last().textContent(), /1\/2/);
  assert.doesNotMatch(await lastAnswer(page).textContent(), /Stopped\./);

  // An edited question has an answer of its own, and the old one stays beside it.
  await label(page, 'Edit').first().click();
  const editor = page.getByRole('textbox', { name: 'Edit the message' });
  assert.equal(await editor.inputValue(), 'Once upon a time');
  await editor.fill('There was a king');
  await editor.press('Enter');
  await untilDone(page);
  assert.match((await shown(page))[0], /There was a king/);
  assert.match(await page.locator('article.user .versions').textContent(), /2\/2/);
  await label(page, 'Version before').first().click();
  assert.match((await shown(page))[0], /Once upon a time/);

  const before = await shown(page);
  await page.reload();
  await answers(page).first().waitFor();
  assert.deepEqual(await shown(page), before);
  assert.deepEqual(await page.faults(), []);
});

anyServer.set('keeps settings and sends them', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.keyboard.press('Alt+s');
  await page.getByLabel('Temperature').fill('0.25');
  await page.getByLabel('Most tokens').fill('9');
  await page.getByLabel('Top p').fill('7');
  assert.match(await page.locator('#field-top_p-help').textContent(), /a number from 0 to 1/);
  await page.getByLabel('Top p').fill('');
  await page.getByLabel('Dark').check();
  await page.keyboard.press('Escape');
  await page.reload();
  await page.waitForSelector('#composer');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  const [request] = await Promise.all([
    page.waitForRequest(/completions$/),
    ask(page, 'Once upon a time'),
  ]);
  const { temperature, max_tokens, top_p } = request.postDataJSON();
  assert.deepEqual({ temperature, max_tokens, top_p }, { temperature: 0.25, max_tokens: 9, top_p: undefined });
  await untilDone(page);
  assert.deepEqual(await page.faults(), []);
});

anyServer.set('shows the model', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.locator('.model .facts').waitFor();
  await page.keyboard.press('Alt+m');
  const card = await page.locator('.card').textContent();
  for (const row of ['Parameters', 'Bits per weight', 'Size', 'Activations', 'Instruction set', 'Threads', 'Context']) {
    assert(card.includes(row), `the card has no ${row}: ${card}`);
  }
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  // The focus is back where it was.
  assert.equal(await page.evaluate(() => document.activeElement.id), 'composer');
});

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
]) {
  anyServer.set(`has no serious findings of axe: ${name}`, async ({ browser, url }) => {
    const page = await newPage(browser, url, options);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), options.colorScheme);
    assert.deepEqual(await seriousFindings(page), [], 'empty');
    await composer(page).fill('Once upon a time');
    await page.getByRole('button', { name: /^(Send|Continue)$/ }).click();
    await untilDone(page);
    assert.deepEqual(await seriousFindings(page), [], 'with an answer');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(width <= page.viewportSize().width, `nothing is wider than the window: ${width}`);
    for (const keys of ['Alt+s', 'Alt+m']) {
      await page.keyboard.press(keys);
      await page.locator('dialog[open]').waitFor();
      assert.deepEqual(await seriousFindings(page), [], keys);
      await page.keyboard.press('Escape');
    }
    if (options.isMobile) {
      await page.getByRole('button', { name: 'Conversations' }).click();
      await page.waitForTimeout(300); // it slides in
      assert.deepEqual(await seriousFindings(page), [], 'the drawer');
      await page.keyboard.press('Escape');
      await page.locator('#menu:focus').waitFor();
    }
    assert.deepEqual(await page.faults(), []);
  });
}
