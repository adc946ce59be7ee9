// Many clients at once, each with a stream: no event is lost, doubled or out of order, and what a
// connection costs.
//   node sse_clients.mjs --server BINARY [--clients 1000] [--tokens 40] [--per-connection 64]
//     [-- MODEL AND FLAGS]
// A few requests are made alone first; then every client asks for one of them, and must get the same
// texts in the same order, as many tokens as the usage says, and one [DONE] at the end.
import { Connection } from './lib/connection.mjs';
import { stream, streamPatiently } from './lib/events.mjs';
import { percentile } from './lib/numbers.mjs';
import { expect, run } from './lib/server.mjs';
import { memory, openFiles, untilClosed, untilIdle } from './lib/watch.mjs';

const kWarm = 64;
const kPrompts = [
  'Once upon a time',
  'The king said',
  'It was a dark night, and',
  'My dear friend',
];

const requests = (tokens) =>
  Array.from({ length: 16 }, (_, i) => {
    const body = { max_tokens: tokens - i, seed: i, temperature: i % 4 === 0 ? 0 : 1 };
    const prompt = kPrompts[i % kPrompts.length];
    return i % 2 === 0
      ? { path: '/v1/completions', body: { ...body, prompt } }
      : {
          path: '/v1/chat/completions',
          body: { ...body, messages: [{ role: 'user', content: prompt }] },
        };
  });

const trace = ({ deltas, finish, usage, ended }) =>
  JSON.stringify({
    deltas,
    finish,
    prompt: usage?.prompt_tokens,
    tokens: usage?.completion_tokens,
    ended,
  });

async function alone(url, request) {
  const connection = new Connection(url);
  const result = await streamPatiently(connection, request);
  connection.end();
  expect(result.status === 200, `${request.path}: ${result.status} ${result.body}`);
  expect(result.ended && result.usage, `no end or usage: ${trace(result)}`);
  return result;
}

await run({ clients: 1000, tokens: 40, 'per-connection': 64 }, async (server, options) => {
  const asked = requests(options.tokens);
  const expected = [];
  for (const request of asked) expected.push(trace(await alone(server.url, request)));
  expect(new Set(expected).size > asked.length / 2, 'the requests have the same answers: no test');

  // Memory for keys and values is touched once, whoever asks: not a connection's.
  await Promise.all(
    Array.from({ length: kWarm }, (_, i) => alone(server.url, asked[i % asked.length])),
  );
  await untilIdle(server.url);
  const before = server.pid && memory(server.pid);
  const files = server.pid && openFiles(server.pid);
  const connections = [];
  for (let i = 0; i < options.clients; ++i) {
    connections.push(new Connection(server.url));
    if (i % 100 === 99) await Promise.all(connections.slice(-100).map((c) => c.connected()));
  }
  await Promise.all(connections.map((c) => c.connected()));

  let peak = 0;
  const sampling =
    server.pid &&
    setInterval(() => {
      peak = Math.max(peak, memory(server.pid));
    }, 50);
  const start = performance.now();
  const results = await Promise.allSettled(
    connections.map((c, i) => streamPatiently(c, asked[i % asked.length])),
  );
  const seconds = (performance.now() - start) / 1000;
  clearInterval(sampling);

  let wrong = 0;
  results.forEach(({ reason, value }, i) => {
    const found = reason ? String(reason.stack) : value.status === 200 ? trace(value) : value.body;
    if (found === expected[i % asked.length]) return;
    if (++wrong <= 3)
      console.error(`client ${i}: ${found}\n  instead of ${expected[i % asked.length]}`);
  });
  const whole = results.flatMap(({ value }) => (value?.ended ? [value] : []));
  const tokens = whole.reduce((sum, r) => sum + r.usage.completion_tokens, 0);
  const ms = (values, p) => percentile(values, p).toFixed(0);
  const first = whole.map((r) => r.times[0] - r.start);
  const total = whole.map((r) => r.end - r.start);
  console.log(
    `${options.clients} clients, ${wrong} wrong answers, ${tokens} tokens in ` +
      `${seconds.toFixed(1)} s (${(tokens / seconds).toFixed(0)}/s), ` +
      `${whole.reduce((sum, r) => sum + r.refusals, 0)} times refused with 429`,
  );
  console.log(
    `first token p50 ${ms(first, 0.5)} p99 ${ms(first, 0.99)} ms, ` +
      `whole answer p50 ${ms(total, 0.5)} p99 ${ms(total, 0.99)} ms`,
  );

  if (server.pid) {
    const each = (peak - before) / options.clients;
    console.log(`memory ${before} KB, at most ${peak} KB: ${each.toFixed(1)} KB a connection`);
    connections.forEach((c) => c.end());
    await untilIdle(server.url);
    await untilClosed(server.pid, files);
    expect(
      each <= options['per-connection'],
      `more than ${options['per-connection']} KB a connection`,
    );
  }
  expect(wrong === 0, `${wrong} of ${options.clients} answers are wrong`);
});
