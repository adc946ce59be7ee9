// Chromium for the tests: pages that note every error, every refusal of the CSP and every request
// that leaves the server.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const args = ['--disable-gpu', '--disable-dev-shm-usage'];
  if (process.getuid() === 0) args.push('--no-sandbox');
  return chromium.launch({ executablePath, args });
}

export async function newPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error: ${error}`));
  page.on('console', (message) => {
    // The browser itself reports every status above 399, also those that a test asks for.
    const isStatus = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isStatus) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const target = new URL(request.url());
    if (target.origin !== new URL(url).origin && !['data:', 'blob:'].includes(target.protocol)) {
      faults.push(`request: ${request.url()}`);
    }
  });
  await page.addInitScript(() => {
    window.cspRefusals = [];
    document.addEventListener('securitypolicyviolation', (e) => {
      window.cspRefusals.push(`${e.violatedDirective} ${e.blockedURI}`);
    });
  });
  await page.goto(url);
  await page.waitForSelector('#composer');
  page.faults = async () => [...faults, ...(await page.evaluate(() => window.cspRefusals))];
  return page;
}

// Findings of axe that are serious or worse, a line each. Evaluated by the debugger, so the CSP of
// the page stays as it is.
export async function seriousFindings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
}

export const composer = (page) => page.locator('#composer');
export const answers = (page) => page.locator('article.assistant');
export const lastAnswer = (page) => answers(page).last().locator('.body');

export async function ask(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

export async function untilDone(page, timeout = 60_000) {
  await page.locator('article.assistant').last().waitFor();
  await page.locator('button.send.stop').waitFor({ state: 'detached', timeout });
}

// Asks, and notes the lengths that the answer passes through: what the model wrote, without what the
// page says about it. Observed in the page, as a small model writes faster than a test can look.
export async function askAndWatch(page, text) {
  await page.evaluate(() => {
    window.lengths = [];
    new MutationObserver(() => {
      const written = document.querySelector('article.assistant:last-of-type .body > :is(.markdown, .plain)');
      const n = written?.textContent.trim().length ?? 0;
      if (n > (window.lengths.at(-1) ?? 0)) window.lengths.push(n);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await ask(page, text);
  await untilDone(page);
  return page.evaluate(() => window.lengths);
}

// Lets so many bytes a second reach the page, until the function that it returns is called.
export async function limitNetwork(page, bytesPerSecond) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    uploadThroughput: -1,
    downloadThroughput: bytesPerSecond,
  });
  return () => session.detach();
}
