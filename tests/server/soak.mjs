// Minutes of all kinds of requests, a third of them given up: memory does not grow, and at the end
// nothing is held that was not held at the start.
//   node soak.mjs --server BINARY [--minutes 10] [--clients 24] [--seed 1] [--growth 0.01]
//     [-- MODEL AND FLAGS]
// `growth`: the share of memory by which the line through its samples after the warm-up (the first
// fifth) may rise until the end. Give the server little memory for keys and values, so that the
// prefix cache is full when the warm-up ends.
import { Connection } from './lib/connection.mjs';
import { validRequests } from './lib/bodies.mjs';
import { EventReader, pause } from './lib/events.mjs';
import { mutated } from './lib/mutation.mjs';
import { mean, Random, slope } from './lib/numbers.mjs';
import { expect, run } from './lib/server.mjs';
import { held, memory, metrics, openFiles, untilClosed, untilIdle } from './lib/watch.mjs';

const kTokens = 48;
const kSampleMs = 500;

// Words that no other request has, so that the prefix cache finds little and is always full.
const words = (random) =>
  Array.from({ length: 8 + random.int(24) }, () =>
    random.pick(['king', 'queen', 'said', 'the', 'and', 'of', 'sea', 'night', 'old']),
  ).join(' ');

function nextRequest(requests, random) {
  if (random.chance(0.1)) return mutated(requests, random);
  const { path, body } = structuredClone(random.pick(requests));
  if (typeof body.prompt === 'string') body.prompt = words(random);
  if (body.messages) body.messages.at(-1).content ||= words(random);
  if ('seed' in body) body.seed = random.int(1e9);
  if (path.includes('completions') && random.chance(0.5)) body.stream = true;
  return { path, body };
}

// Ends early in a third of all cases. Returns the status, or 'aborted'.
async function once(server, connection, requests, random) {
  const request = nextRequest(requests, random);
  const aborts = random.chance(0.33);
  let events = 0;
  const stop = random.int(20);
  const reader = new EventReader(() => {
    if (aborts && ++events >= stop) connection.end();
  });
  const timer = aborts && setTimeout(() => connection.end(), random.int(150));
  try {
    const { status } = await connection.request(request, { onText: (text) => reader.push(text) });
    return status;
  } catch (error) {
    if (aborts) return 'aborted';
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

await run({ minutes: 10, clients: 24, seed: 1, growth: 0.01 }, async (server, options) => {
  expect(server.pid, 'expected --pid with --url');
  const requests = validRequests(kTokens);
  const seconds = options.minutes * 60;
  const counts = {};
  await untilIdle(server.url);
  const first = await metrics(server.url);
  await pause(200);
  const files = openFiles(server.pid);
  const start = performance.now();
  const now = () => (performance.now() - start) / 1000;
  let failure = null;

  async function client(index) {
    const random = new Random(options.seed * 1000 + index);
    let connection = new Connection(server.url);
    while (now() < seconds && !failure) {
      if (connection.socket.destroyed) connection = new Connection(server.url);
      try {
        const status = await once(server, connection, requests, random);
        counts[status] = (counts[status] ?? 0) + 1;
        if (status === 429) await pause(200);
        if (status >= 500 && status !== 503) failure = new Error(`status ${status}`);
      } catch (error) {
        failure ??= error;
      }
      if (random.chance(0.02)) connection.end(); // most connections are used again
    }
    connection.end();
  }
  const samples = [];
  async function sample() {
    while (now() < seconds && !failure) {
      const m = await metrics(server.url);
      samples.push({
        at: now(),
        memory: memory(server.pid),
        files: openFiles(server.pid),
        used: m.onebit_kv_blocks_used,
        ...held(m),
      });
      await pause(kSampleMs);
    }
  }
  await Promise.all([sample(), ...Array.from({ length: options.clients }, (_, i) => client(i))]);
  if (failure) throw failure;

  const idle = await untilIdle(server.url);
  await untilClosed(server.pid, files);
  const last = await metrics(server.url);
  const warm = samples.filter(({ at }) => at >= seconds / 5);
  const line = slope(warm.map((s) => [s.at, s.memory]));
  const growth = (line * (warm.at(-1).at - warm[0].at)) / mean(warm.map((s) => s.memory));
  const range = (key) =>
    `${Math.min(...warm.map((s) => s[key]))}..${Math.max(...warm.map((s) => s[key]))}`;
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  console.log(
    `${options.minutes} minutes, ${total} requests (${Object.entries(counts)
      .map(([s, n]) => `${n} x ${s}`)
      .join(', ')}), ` +
      `${last.onebit_generated_tokens_total - first.onebit_generated_tokens_total} tokens, ` +
      `${last.onebit_preemptions_total - first.onebit_preemptions_total} preemptions`,
  );
  console.log(
    `after the warm-up: memory ${range('memory')} KB, line ${(100 * growth).toFixed(2)} %; ` +
      `files ${range('files')}, running ${range('running')}, waiting ${range('waiting')}, blocks ${range('used')} ` +
      `of ${last.onebit_kv_blocks}; idle after ${idle} ms`,
  );
  expect(growth <= options.growth, `memory grows by ${(100 * growth).toFixed(2)} %`);
  expect(counts.aborted > 0 && counts[200] > 0, 'no whole or no aborted request: no test');
});
