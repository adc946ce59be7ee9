// Throughput of a server: many clients against one.
//   node bench/serve.mjs --server BINARY [--clients 16] [--input 64] [--output 128] [--requests 2]
//     [--json FILE] [-- MODEL AND FLAGS]
//   node bench/serve.mjs --url URL ...
// Each client asks so many requests of `input` random tokens, one after the other, for `output`
// tokens each, as a stream. No two prompts share a prefix, so that nothing comes from a cache. An end
// token ends an answer early: what came is what counts (`tokens`; --forbid ID keeps one away).
// Aggregate: all tokens by the time from the first request to the last end, prefill included.
import { writeFileSync } from 'node:fs';

import { Connection, get } from '../tests/server/lib/connection.mjs';
import { stream } from '../tests/server/lib/events.mjs';
import { mean, percentile, Random } from '../tests/server/lib/numbers.mjs';
import { expect, run } from '../tests/server/lib/server.mjs';

// What the table says of a run, and with how many digits.
const kColumns = [
  ['clients', (r) => r.clients, 0],
  ['tokens', (r) => r.tokens, 0],
  ['tokens/s', (r) => r.tokens_per_second, 1],
  ['of one', (r) => r.decode_per_client, 1], // while it decodes
  ['first ms p50', (r) => r.first_ms.p50, 1],
  ['p95', (r) => r.first_ms.p95, 1],
  ['next ms p50', (r) => r.next_ms.p50, 2],
  ['p95', (r) => r.next_ms.p95, 2],
  ['client cores', (r) => r.client_cores, 2], // what this program takes of the machine itself
];
const kWidth = 13;

// Ids that every vocabulary of a language model has for ordinary pieces of text.
const kFirstId = 300;
const kLastId = 4000;

function request(random, options) {
  const prompt = Array.from(
    { length: options.input },
    () => kFirstId + random.int(kLastId - kFirstId),
  );
  const body = { prompt, max_tokens: options.output, seed: random.int(1e9), temperature: 1 };
  if (options.forbid !== '')
    body.logit_bias = Object.fromEntries(options.forbid.split(',').map((id) => [id, -100]));
  return { path: '/v1/completions', body };
}

// So many clients at once. A line of the table.
async function measure(url, clients, options, seed) {
  const results = [];
  const start = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      const random = new Random(seed + i);
      const connection = await new Connection(url).connected();
      for (let r = 0; r < options.requests; ++r) {
        const events = [];
        const result = await stream(connection, request(random, options), {
          onEvent: (chunk) => {
            if (chunk.choices.length > 0) events.push(performance.now());
          },
        });
        expect(result.status === 200 && result.ended, `${result.status} ${result.body}`);
        results.push({ ...result, events });
      }
      connection.end();
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const tokens = results.reduce((sum, r) => sum + r.usage.completion_tokens, 0);
  const first = results.map((r) => r.events[0] - r.start);
  const gaps = results.flatMap((r) => r.events.slice(1).map((at, i) => at - r.events[i]));
  // Of one answer, between its first token and its last.
  const decode = results
    .filter((r) => r.usage.completion_tokens > 1)
    .map((r) => (1000 * (r.usage.completion_tokens - 1)) / (r.events.at(-1) - r.events[0]));
  return {
    clients,
    requests: results.length,
    input: options.input,
    tokens,
    seconds,
    tokens_per_second: tokens / seconds,
    client_cores: (user + system) / 1e6 / seconds,
    decode_per_client: mean(decode),
    first_ms: { p50: percentile(first, 0.5), p95: percentile(first, 0.95) },
    next_ms: { p50: percentile(gaps, 0.5), p95: percentile(gaps, 0.95) },
  };
}

await run(
  {
    clients: 16,
    input: 64,
    output: 128,
    requests: 2,
    forbid: '',
    json: '',
  },
  async (server, options) => {
    const {
      data: [model],
    } = JSON.parse((await get(server.url, '/v1/models')).body);
    await measure(server.url, 1, { ...options, output: 8, requests: 1 }, 99); // warm
    const one = await measure(server.url, 1, options, 1000);
    const many = await measure(server.url, options.clients, options, 2000);
    const factor = many.tokens_per_second / one.decode_per_client;
    const { isa, threads } = model.onebit ?? {};
    console.log(
      `${model.id}, ${isa}, ${threads} threads; ${options.input} tokens in, ${options.output} out, ` +
        `${options.requests} requests a client`,
    );
    console.log(kColumns.map(([name]) => name.padStart(kWidth)).join(''));
    for (const r of [one, many]) {
      const cells = kColumns.map(([, value, digits]) => value(r).toFixed(digits));
      console.log(cells.map((cell) => cell.padStart(kWidth)).join(''));
    }
    console.log(
      `${options.clients} clients together: ${factor.toFixed(2)} x the decode rate of one`,
    );
    const wanted = options.requests * options.output;
    if (one.tokens < 0.9 * wanted)
      console.log(`answers ended early: ${one.tokens} tokens of ${wanted}; see --forbid`);
    if (options.json)
      writeFileSync(
        options.json,
        `${JSON.stringify({ model, options, runs: [one, many], factor }, null, 1)}\n`,
      );
  },
);
