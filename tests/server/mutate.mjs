// Requests made wrong in many ways: the server lives, never answers 5xx but 503, and says what is
// wrong in OpenAI's shape.
//   node mutate.mjs --server BINARY [--count 3000] [--seed 1] [--first 0] [--show 0]
//     [-- MODEL AND FLAGS]
// Request i depends on the seed and i alone: one that failed comes again with `--first i --count 1`.
import { Connection } from './lib/connection.mjs';
import { validRequests } from './lib/bodies.mjs';
import { mutated } from './lib/mutation.mjs';
import { Random } from './lib/numbers.mjs';
import { expect, run } from './lib/server.mjs';
import { isAlive, untilIdle } from './lib/watch.mjs';

const kAtOnce = 16;
const kPatience = 30000; // milliseconds for one answer

// What is wrong with an answer; '' if nothing.
function complaint({ status, headers, body }) {
  if (status === 200) {
    if (!/event-stream/.test(headers['content-type'])) {
      JSON.parse(body);
      return '';
    }
    // A stream ends with [DONE], or the event response.completed (or incomplete) of /v1/responses.
    return /data: \[DONE\]\n\n$/.test(body) || /event: response\.\w+\ndata: [^\n]*\n\n$/.test(body)
      ? ''
      : `a stream without an end: ${body.slice(-300)}`;
  }
  if (status >= 500 && status !== 503) return `status ${status}: ${body.slice(0, 300)}`;
  const { error } = JSON.parse(body);
  const isWhole =
    typeof error?.message === 'string' &&
    error.message !== '' &&
    !error.message.includes('\n') &&
    typeof error.type === 'string' &&
    'param' in error &&
    'code' in error;
  return isWhole ? '' : `not in OpenAI's shape: ${body.slice(0, 300)}`;
}

function withTime(promise, ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

await run({ count: 3000, seed: 1, first: 0, show: 0 }, async (server, options) => {
  const requests = validRequests();
  const end = options.first + options.count;
  const statuses = {};
  let next = options.first;
  let failures = 0;
  const start = performance.now();

  async function client() {
    let connection = new Connection(server.url);
    while (next < end && failures < 10) {
      const i = next++;
      const request = mutated(requests, new Random(options.seed * 1000003 + i));
      let wrong;
      try {
        if (connection.socket.destroyed) connection = new Connection(server.url);
        const answer = await withTime(connection.request(request), kPatience);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        wrong = complaint(answer);
        if (options.show) console.log(i, answer.status, answer.body.slice(0, 200));
        if (answer.headers.connection === 'close') connection.end();
      } catch (error) {
        wrong = String(error);
        connection.end();
      }
      if (wrong) {
        ++failures;
        console.error(
          `request ${i} (--seed ${options.seed} --first ${i} --count 1): ${wrong}\n` +
            `  ${request.path} ${JSON.stringify(request.body.subarray(0, 2000).toString('latin1'))}`,
        );
      }
    }
    connection.end();
  }
  await Promise.all(Array.from({ length: kAtOnce }, client));

  if (server.pid) expect(isAlive(server.pid), 'the server has died');
  await untilIdle(server.url);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${next - options.first} mutated requests (seed ${options.seed}) in ${seconds.toFixed(1)} s: ` +
      `${Object.entries(statuses)
        .map(([s, n]) => `${n} x ${s}`)
        .join(', ')}; ${failures} wrong`,
  );
  expect(failures === 0, `${failures} wrong answers`);
  expect(
    (statuses[200] ?? 0) * 50 > options.count || options.count < 100,
    'hardly any is valid: a weak test',
  );
});
