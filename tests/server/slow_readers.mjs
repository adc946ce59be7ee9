// Clients that ask for long streams and do not read them: what is kept for each is bounded, others are
// served meanwhile, and whoever reads nothing for half a minute is cut off.
//   node slow_readers.mjs --server BINARY [--clients 50] [--wait 35] [--most 5120] [-- MODEL AND FLAGS]
// `wait`: seconds until they read at last; `most`: KB of memory a client (the server keeps 4 MiB of
// unread events). Give the server little memory for keys and values: they are memory too.
import { Connection, requestText } from './lib/connection.mjs';
import { pause, stream } from './lib/events.mjs';
import { expect, run } from './lib/server.mjs';
import { memory, metrics, untilIdle } from './lib/watch.mjs';

// Events of some kilobytes each, as many as the context has room for.
const kLong = {
  path: '/v1/chat/completions',
  headers: { Connection: 'close' },
  body: {
    messages: [{ role: 'user', content: 'The king' }],
    ...{ stream: true, n: 8, max_tokens: 230, temperature: 1.5, logprobs: true, top_logprobs: 20 },
  },
};
const kShort = { path: '/v1/completions', body: { prompt: 'The king', max_tokens: 16, seed: 1 } };

async function short(url) {
  const connection = new Connection(url);
  const { ended, text, start, end } = await stream(connection, kShort);
  connection.end();
  expect(ended, 'another client got no whole answer');
  return { text, ms: end - start };
}

// How many bytes a client gets that reads at last, and whether it sees the end.
function readAtLast({ socket }) {
  return new Promise((resolve) => {
    let tail = '';
    let bytes = 0;
    socket.removeAllListeners('data');
    socket.on('data', (data) => {
      bytes += data.length;
      tail = (tail + data.toString('latin1')).slice(-100);
    });
    socket.on('close', () => resolve({ bytes, whole: tail.includes('[DONE]') }));
    socket.resume();
  });
}

await run({ clients: 50, wait: 35, most: 5120 }, async (server, options) => {
  const expected = await short(server.url);
  const reader = new Connection(server.url);
  await stream(reader, kLong); // fills what is given to keys and values
  reader.end();
  await untilIdle(server.url);
  const before = server.pid && memory(server.pid);

  const readers = [];
  for (let i = 0; i < options.clients; ++i) {
    const connection = await new Connection(server.url).connected();
    connection.socket.pause();
    connection.socket.write(requestText(kLong, connection.host));
    readers.push(connection);
  }
  let peak = 0;
  const sampling = server.pid && setInterval(() => (peak = Math.max(peak, memory(server.pid))), 50);
  const others = [];
  for (let now = { onebit_answers: 1 }; now.onebit_answers > 0; now = await metrics(server.url)) {
    others.push(await short(server.url));
    expect(others.at(-1).text === expected.text, 'another client got another text');
    expect(others.length < 2000, 'the long answers do not end');
    await pause(20);
  }
  await untilIdle(server.url);
  await pause(1000 * options.wait);
  clearInterval(sampling);
  const ends = await Promise.all(readers.map(readAtLast));
  const cut = ends.filter((end) => !end.whole).length;
  const each = (peak - before) / options.clients;
  const most = Math.max(...ends.map((end) => end.bytes));
  console.log(
    `${options.clients} clients that do not read: ${cut} cut off, at most ${most >> 10} KB were sent; ` +
      `memory ${before} KB, at most ${peak} KB: ${each.toFixed(0)} KB each; ` +
      `${others.length} answers for others, at most ${Math.max(...others.map((o) => o.ms)).toFixed(0)} ms`,
  );
  expect(options.wait > 0 || most > 1 << 20, 'the answers are short: no test');
  if (options.wait > 30) expect(cut === options.clients, 'not all were cut off');
  expect(!server.pid || each <= options.most, `more than ${options.most} KB each`);
});
