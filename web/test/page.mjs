// The page in Chromium.
//   node test/page.mjs                     everything, against test/mock.mjs
//   ONEBIT_URL=http://127.0.0.1:8080/ ...  what holds for any server and model
//   SCREENSHOTS=FOLDER                     also pictures of the page, for the docs (mock only)
import assert from 'node:assert/strict';
import { launch } from './browser.mjs';
import { startMock } from './mock.mjs';
import { anyServer } from './any_server.mjs';
import { mockOnly } from './mock_only.mjs';
import { takeScreenshots } from './screenshots.mjs';

const url = process.env.ONEBIT_URL;
const only = process.argv[2]; // a part of a test's name
const browser = await launch();
let failed = 0;

async function run(name, test, mock) {
  if (only && !name.includes(only)) return;
  const started = Date.now();
  try {
    await test({ browser, url: mock?.url ?? url, mock: mock?.state });
    console.log(`ok    ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${error.stack}`);
  } finally {
    for (const context of browser.contexts()) await context.close();
    mock?.close();
  }
}

try {
  assert(anyServer.size > 0 && mockOnly.size > 0);
  for (const [name, test] of anyServer) {
    if (url) {
      await run(name, test);
    } else {
      await run(name, test, await startMock());
      await run(`${name}, without template`, test, await startMock({ isChat: false }));
    }
  }
  if (!url) {
    for (const [name, { options, test }] of mockOnly) await run(name, test, await startMock(options));
  }
  if (!url && process.env.SCREENSHOTS) await takeScreenshots(browser, process.env.SCREENSHOTS);
} finally {
  await browser.close();
}
console.log(failed ? `${failed} failed` : 'all passed');
process.exit(failed ? 1 : 0);
