// What needs a server that misbehaves, or a model that says what the test wants.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { answers, ask, composer, lastAnswer, newPage, untilDone } from './browser.mjs';

export const mockOnly = new Map();
const add = (name, test, options = { delay: 5 }) => mockOnly.set(name, { test, options });
const button = (page, name) => page.getByRole('button', { name, exact: true });

add('hostile Markdown does nothing', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say hostile');
  await untilDone(page);
  await page.waitForTimeout(200);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  const answer = lastAnswer(page);
  assert.equal(await answer.locator('script, iframe, img, style, svg, form, math, [style], [onclick]').count(), 0);
  const links = await answer.locator('a[href]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  assert.deepEqual(links.sort(), ['https://evil.example/pixel.png', 'https://good.example/']);
  for (const rel of await answer.locator('a').evaluateAll((all) => all.map((a) => a.rel))) {
    assert.match(rel, /noopener/);
  }
  assert.match(await answer.textContent(), /<script>window\.hacked = 1<\/script>/); // as text
  assert.equal(await answer.locator('td br').count(), 1);
  assert.deepEqual(await page.faults(), []); // no picture was fetched, nothing refused
});

add('long and twisted texts keep the page alive', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ entryTypes: ['longtask'] });
  });
  for (const what of ['megabyte', 'table', 'links', 'stars', 'markers', 'word', 'parentheses', 'paragraphs']) {
    await button(page, 'New conversation').click();
    const started = Date.now();
    await ask(page, `say ${what}`);
    await untilDone(page);
    const ms = Date.now() - started;
    const longest = await page.evaluate(() => [window.longest, (window.longest = 0)][0]);
    console.log(`      ${what}: ${ms} ms, longest task ${longest.toFixed(0)} ms`);
    assert(ms < 10_000 && longest < 3000, `${what} took ${ms} ms, ${longest} ms at once`);
  }
  assert.deepEqual(await page.faults(), []);
});

add('draws code, tables and thoughts, and copies code', async ({ browser, url }) => {
  const page = await newPage(browser, url, { permissions: ['clipboard-read', 'clipboard-write'] });
  await ask(page, 'say poem');
  await untilDone(page);
  assert((await lastAnswer(page).locator('.hljs-keyword').count()) > 0);
  assert.equal(await lastAnswer(page).locator('tbody tr').count(), 2);
  await lastAnswer(page).locator('button.copy').click();
  await lastAnswer(page).getByText('Copied').waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^\/\/ Signs as bits[^]*\}$/);
  await ask(page, 'say thinking');
  await untilDone(page);
  assert.match(await lastAnswer(page).locator('details.thinking').textContent(), /Let me see/);
  assert.equal(await lastAnswer(page).locator('.markdown').textContent().then((t) => t.trim()), 'Seen.');
  await ask(page, 'say arabic');
  await untilDone(page);
  const direction = await lastAnswer(page).locator('.block').evaluate((e) => getComputedStyle(e).direction);
  assert.equal(direction, 'rtl');
});

add('a busy server is asked again', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  mock.busy = 1;
  await ask(page, 'say poem');
  const waiting = page.getByRole('status').filter({ hasText: /The server is busy\. Next try in \d s/ });
  await waiting.waitFor();
  assert.match(await waiting.locator('[aria-hidden]').textContent(), /Next try/); // not read aloud
  await untilDone(page);
  assert.match(await lastAnswer(page).textContent(), /1-bit/);
  assert.equal(mock.requests.length, 2);
});

add('says when the server loads, drains, refuses, breaks off or is gone', async ({ browser, url, mock }) => {
  mock.state = 'loading';
  const page = await newPage(browser, url);
  await page.getByText('The server is loading the model.').waitFor();
  mock.state = 'ok';
  await page.locator('.model').getByText('BitNet').waitFor(); // by itself
  for (const [what, text] of [
    ['say refused', 'temperature: expected at most 2, found 9'],
    ['say broken', 'The connection broke before the end of the answer.'],
    ['say failing', 'The server is stopping.'],
  ]) {
    await ask(page, what);
    await untilDone(page);
    await lastAnswer(page).getByText(text).waitFor();
  }
  mock.state = 'draining';
  await ask(page, 'say poem');
  await lastAnswer(page).getByText('The server is shutting down').waitFor();
  mock.state = 'ok';
  await page.context().setOffline(true);
  await ask(page, 'say poem');
  await lastAnswer(page).getByText('The server cannot be reached.').waitFor();
  await page.context().setOffline(false);
  await button(page, 'Try again').last().click();
  await untilDone(page);
  assert.match(await lastAnswer(page).textContent(), /1-bit/);
  await page.locator('.notice').waitFor({ state: 'detached', timeout: 10_000 });
  assert.deepEqual(await page.faults(), []);
});

add('asks for the key', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.locator('#key').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('The server refuses this key.').waitFor();
  await page.locator('#key').fill('sesame');
  await page.keyboard.press('Enter');
  await page.locator('.model').getByText('BitNet').waitFor();
  await ask(page, 'say poem');
  await untilDone(page);
  assert.match(await lastAnswer(page).textContent(), /1-bit/);
  await page.reload(); // the tab remembers it
  await page.locator('.model').getByText('BitNet').waitFor();
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('sesame')), false);
}, { delay: 5, key: 'sesame' });

add('stopping ends the request', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say long');
  await page.locator('article.assistant .block').waitFor();
  await button(page, 'Stop (Escape)').click();
  await untilDone(page);
  await page.waitForTimeout(100);
  assert.equal(mock.disconnects, 1);
  await page.locator('#composer:focus').waitFor(); // the button that had the focus is gone
});

add('conversations: search, rename, export, import, delete', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  for (const what of ['say thinking of apples', 'say thinking of pears']) {
    await page.keyboard.press('Alt+n');
    await ask(page, what);
    await untilDone(page);
  }
  const titles = page.locator('.entry-title');
  assert.equal(await titles.count(), 2);
  await page.keyboard.press('Alt+k');
  await page.keyboard.type('apples');
  assert.deepEqual(await titles.allTextContents(), ['say thinking of apples']);
  await button(page, 'More about say thinking of apples').click();
  await button(page, 'Rename').click();
  await page.keyboard.type('Apples of mine');
  await page.keyboard.press('Enter');
  await titles.getByText('Apples of mine').waitFor();

  await button(page, 'More about Apples of mine').click();
  const [markdown] = await Promise.all([page.waitForEvent('download'), button(page, 'Save as Markdown').click()]);
  assert.equal(markdown.suggestedFilename(), 'Apples-of-mine.md');
  assert.match(await readFile(await markdown.path(), 'utf8'), /^# Apples of mine\n\n\*\*You\*\*/);

  await page.locator('#search').fill('');
  await button(page, 'Export, import').click();
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, 'Export all (2)').click()]);
  await page.keyboard.press('Escape');

  await button(page, 'More about Apples of mine').click();
  await button(page, 'Delete').click();
  await button(page, 'Delete').first().click();
  await titles.getByText('Apples of mine').waitFor({ state: 'detached' });
  assert.equal(await titles.count(), 1);

  await button(page, 'Export, import').click();
  await page.locator('#import').setInputFiles({ name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
  await page.getByText('bad.json: format: expected "onebit-chats"').waitFor();
  await page.locator('#import').setInputFiles(await file.path());
  await page.getByText('2 conversations read.').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await titles.count(), 3);
  await page.reload();
  await titles.first().waitFor();
  assert.equal(await titles.count(), 3);
  assert.deepEqual(await page.faults(), []);
});

add('deletes a message and what follows; sends the system prompt', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await page.locator('.system summary').click();
  await page.getByLabel('System prompt of this conversation').fill('Be brief.');
  await ask(page, 'say thinking');
  await untilDone(page);
  await ask(page, 'say poem');
  await untilDone(page);
  assert.deepEqual(mock.requests[1].messages.map((m) => m.content), ['Be brief.', 'say thinking', 'Seen.', 'say poem']);
  await button(page, 'Delete from here').nth(2).click();
  assert.equal(await page.locator('article').count(), 2);
});

add('an edited question waits for the answer under way', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say thinking');
  await untilDone(page);
  await button(page, 'Edit').click();
  const editor = page.getByRole('textbox', { name: 'Edit the message' });
  await editor.fill('say poem');
  await ask(page, 'say long');
  const send = page.locator('.editor').getByRole('button', { name: 'Send' });
  await page.locator('.editor button[type=submit]:disabled').waitFor();
  await editor.press('Enter');
  assert.equal(await editor.inputValue(), 'say poem');
  await button(page, 'Stop (Escape)').click();
  await send.click();
  await untilDone(page);
  assert.match(await lastAnswer(page).textContent(), /1-bit/);
  assert.equal(mock.requests.length, 3);
});

add('asks for no more tokens than there is room for', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await page.keyboard.press('Alt+s');
  await page.getByLabel('Most tokens').fill('100');
  await page.keyboard.press('Escape');
  mock.taken = 4000;
  await ask(page, 'say thinking');
  await untilDone(page);
  await lastAnswer(page).getByText('Seen.').waitFor();
  assert.deepEqual(mock.requests.map((r) => r.max_tokens), [100, undefined]);
});

add('two tabs write to one conversation', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say thinking');
  await untilDone(page);
  const other = await page.context().newPage();
  await other.goto(page.url());
  await answers(other).waitFor();
  await ask(page, 'say long');
  await answers(other).nth(1).waitFor();
  await ask(other, 'say thinking again');
  await untilDone(other);
  await page.waitForTimeout(2500); // the first tab saves every 2 s
  await page.keyboard.press('Escape');
  await untilDone(page);
  await other.reload();
  await answers(other).nth(2).waitFor();
  assert.equal(await other.locator('article').count(), 6);
  assert.match(await answers(other).nth(1).textContent(), /^(word ?\n?)+Stopped\.$/);
  assert.match(await lastAnswer(other).textContent(), /Seen\./);
  assert.deepEqual(await page.faults(), []);
});

add('a second tab sees what the first wrote', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  const other = await page.context().newPage();
  await other.goto(url);
  await other.waitForSelector('#composer');
  await ask(page, 'say thinking');
  await untilDone(page);
  await other.locator('.entry-title').waitFor();
  await other.locator('.entry-title').click();
  await other.getByText('Seen.').waitFor();
});

add('goes on where a browser keeps nothing, and says so', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('no', 'SecurityError');
    };
    Storage.prototype.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await page.reload();
  await page.getByText('The browser keeps no data for this page').waitFor();
  await ask(page, 'say thinking');
  await untilDone(page);
  assert.equal(await answers(page).count(), 1);
});

add('says when the browser has no room', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await ask(page, 'say thinking');
  await page.getByText('The browser has no room left').waitFor();
  await untilDone(page);
});

add('continues a text again and again', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await page.locator('.notice').getByText('no chat template').waitFor();
  await ask(page, 'say thinking');
  await untilDone(page);
  await composer(page).press('Enter'); // nothing typed: go on
  await untilDone(page);
  assert.equal(mock.requests.length, 2);
  assert(mock.requests[1].prompt.startsWith('say thinking<think>') || mock.requests[1].prompt.startsWith('say thinking'));
  assert.equal(await answers(page).count(), 2);
  assert.equal(mock.requests[1].max_tokens, 256);

  // No more than there is room for: the mock counts four letters as a token, of 4096.
  await page.keyboard.press('Alt+n');
  await ask(page, 'say thinking'.padEnd(4 * 4000, '.'));
  await untilDone(page);
  assert.equal(mock.requests[2].max_tokens, 96);
  await ask(page, 'say thinking'.padEnd(4 * 4000, '.'));
  await untilDone(page);
  await lastAnswer(page).getByText('The text fills the context of 4096 tokens.').waitFor();
  assert.equal(mock.requests.length, 3);
}, { delay: 5, isChat: false });

add('a closed tab leaves what had come', async ({ browser, url, mock }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say long');
  await page.waitForTimeout(3000); // saved every 2 s
  await page.reload();
  await answers(page).waitFor();
  assert.match(await lastAnswer(page).textContent(), /^(word ?\n?)+Not finished\.$/);
  assert.equal(mock.disconnects, 1);
  assert.equal(await page.title(), 'say long - onebit');
});

add('answers go on in other conversations', async ({ browser, url }) => {
  const page = await newPage(browser, url);
  await ask(page, 'say poem one');
  await page.keyboard.press('Alt+n');
  await ask(page, 'say poem two');
  await untilDone(page);
  assert.equal(await page.locator('.pulse').count(), 0);
  await page.locator('.entry-title').getByText('say poem one').click();
  assert.match(await lastAnswer(page).textContent(), /8 bits/);
}, { delay: 20 });
