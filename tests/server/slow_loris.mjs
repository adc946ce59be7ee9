// Clients that send their requests a byte at a time, for ever: the others hardly notice.
//   node slow_loris.mjs --server BINARY [--clients 500] [--requests 200] [--most 1.1]
//     [-- MODEL AND FLAGS]
// `most`: what the p99 of the others may grow to, as a factor. Rounds without and with the slow
// clients alternate, since a machine is never equally fast twice; the better round of each counts.
import { Worker } from 'node:worker_threads';

import { Connection } from './lib/connection.mjs';
import { pause, streamPatiently } from './lib/events.mjs';
import { percentile } from './lib/numbers.mjs';
import { expect, run } from './lib/server.mjs';
import { metrics } from './lib/watch.mjs';

const kRounds = 3;
const kAtOnce = 4;

// Milliseconds of so many whole answers, kAtOnce at a time.
async function measure(url, requests) {
  const times = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: kAtOnce }, async () => {
      const connection = new Connection(url);
      while (next < requests) {
        const seed = next++;
        const { start, end, ended } = await streamPatiently(connection, {
          path: '/v1/completions',
          body: { prompt: `Chapter ${seed}.`, max_tokens: 24, seed },
        });
        expect(ended, 'an answer without an end');
        times.push(end - start);
      }
      connection.end();
    }),
  );
  return times;
}

await run({ clients: 500, requests: 200, most: 1.1 }, async (server, options) => {
  await measure(server.url, 20);
  const rounds = { without: [], with: [] };
  for (let i = 0; i < kRounds; ++i) {
    rounds.without.push(await measure(server.url, options.requests));
    // A thread of its own, so that our own clients do not wait for it.
    const slow = new Worker(new URL('lib/drip.mjs', import.meta.url), {
      workerData: { url: server.url, clients: options.clients },
    });
    await pause(700);
    const open = (await metrics(server.url)).onebit_connections;
    expect(open === undefined || open >= options.clients, `only ${open} connections are open`);
    rounds.with.push(await measure(server.url, options.requests));
    await slow.terminate();
    await pause(200);
  }
  const best = (list, p) => Math.min(...list.map((times) => percentile(times, p)));
  const line = (name) =>
    `${name} p50 ${best(rounds[name], 0.5).toFixed(1)} ` +
    `p99 ${best(rounds[name], 0.99).toFixed(1)} ms`;
  const factor = best(rounds.with, 0.99) / best(rounds.without, 0.99);
  console.log(
    `${options.clients} slow clients: whole answers ${line('without')}, ${line('with')}: ` +
      `p99 x ${factor.toFixed(2)}`,
  );
  expect(factor <= options.most, `p99 grew by more than x ${options.most}`);
});
