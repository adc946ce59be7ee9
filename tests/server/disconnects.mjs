// Clients that leave, at every phase of a request: what they held is free soon after.
//   node disconnects.mjs --server BINARY [--clients 200] [--seed 1] [--limit 250] [-- MODEL AND FLAGS]
// `limit`: milliseconds from a lone client's leaving until nobody holds a slot or block. A step of
// the model must fit into it.
import { Connection, requestText } from './lib/connection.mjs';
import { pause, stream } from './lib/events.mjs';
import { percentile, Random } from './lib/numbers.mjs';
import { expect, run } from './lib/server.mjs';
import { isAlive, metrics, openFiles, untilClosed, untilIdle } from './lib/watch.mjs';

const kPhases = [
  'head',
  'body',
  'sent',
  'queued',
  'prefill',
  'decode',
  'whole answer',
  'half close',
];

const kLong = 'It was the best of times, it was the worst of times, and '.repeat(8);

function body(random, phase) {
  const messages = [
    { role: 'user', content: kLong.slice(0, 20 + random.int(300)) + random.int(1e9) },
  ];
  const max_tokens = 60 + random.int(60);
  const streams = phase !== 'whole answer' && phase !== 'half close';
  const one = { max_tokens, seed: random.int(1000), stream: streams, n: 1 + random.int(3) };
  return random.chance(0.5)
    ? { path: '/v1/chat/completions', body: { ...one, messages } }
    : { path: '/v1/completions', body: { ...one, prompt: messages[0].content } };
}

// Begins a request and leaves in the phase. Resolves when it has left.
async function leave(url, random, phase) {
  const connection = await new Connection(url).connected();
  const request = body(random, phase);
  const bytes = requestText(request, connection.host);
  const bodyAt = bytes.indexOf('\r\n\r\n') + 4;
  if (phase === 'head' || phase === 'body') {
    const end =
      phase === 'head' ? 1 + random.int(bodyAt - 1) : bodyAt + random.int(bytes.length - bodyAt);
    connection.socket.write(bytes.subarray(0, end));
    await pause(random.int(20));
  } else if (phase === 'decode') {
    let events = 0;
    const stop = 1 + random.int(30);
    await stream(connection, request, {
      onEvent: () => {
        if (++events === stop) connection.end();
      },
    }).catch(() => {});
  } else {
    connection.socket.write(bytes);
    // Prefill of this little model takes milliseconds: a random moment is in it often enough.
    await pause(phase === 'sent' ? 0 : random.int(phase === 'prefill' ? 10 : 60));
    if (phase === 'half close') {
      connection.socket.end();
      await pause(random.int(20));
    }
  }
  // Half of them with a reset, which a program that is killed sends with answers unread.
  if (random.chance(0.5)) connection.socket.resetAndDestroy?.();
  connection.end();
}

await run({ clients: 200, seed: 1, limit: 250 }, async (server, options) => {
  const random = new Random(options.seed);
  const warm = new Connection(server.url);
  await stream(warm, { path: '/v1/completions', body: { prompt: 'a', max_tokens: 4 } });
  warm.end();
  await untilIdle(server.url);
  const files = server.pid && openFiles(server.pid);
  const start = await metrics(server.url);

  // Alone: how long until all is free again.
  const alone = [];
  const n = Math.floor(options.clients / 4);
  for (let i = 0; i < n; ++i) {
    await leave(server.url, random, kPhases[i % kPhases.length]);
    alone.push(await untilIdle(server.url));
  }
  // Together: more than run at once, so that some leave the queue.
  const crowd = [];
  for (let i = n; i < options.clients; ++i) {
    crowd.push(pause(random.int(300)).then(() => leave(server.url, random, random.pick(kPhases))));
  }
  await Promise.all(crowd);
  const together = await untilIdle(server.url);

  const end = await metrics(server.url);
  const cancelled = 'onebit_requests_finished_total{reason="cancelled"}';
  console.log(
    `${options.clients} disconnects (seed ${options.seed}): free after p50 ` +
      `${percentile(alone, 0.5)} p99 ${percentile(alone, 0.99)} ms alone, ${together} ms together; ` +
      `${end[cancelled] - start[cancelled]} requests cancelled`,
  );
  expect(
    percentile(alone, 0.99) <= options.limit,
    `more than ${options.limit} ms until all is free`,
  );
  expect(end[cancelled] > start[cancelled], 'nothing was cancelled: no test');
  if (server.pid) {
    expect(isAlive(server.pid), 'the server has died');
    await untilClosed(server.pid, files);
  }
  const after = new Connection(server.url);
  const answer = await stream(after, {
    path: '/v1/completions',
    body: { prompt: 'a', max_tokens: 4 },
  });
  after.end();
  expect(answer.ended, 'no whole answer afterwards');
});
