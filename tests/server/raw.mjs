// What a careful web server answers to bytes that no careful client sends (lib/raw_cases.mjs).
//   node raw.mjs --server BINARY [-- MODEL AND FLAGS]
// RFC 9112, section 11.2: where two programs read different requests in the same bytes, the second
// one is an attacker's. So what is ambiguous must be refused and the connection closed.
import net from 'node:net';

import { pause } from './lib/events.mjs';
import { kCases } from './lib/raw_cases.mjs';
import { expect, run } from './lib/server.mjs';
import { isAlive, untilIdle } from './lib/watch.mjs';

const kWait = 5000; // milliseconds for the answers of a case
const kMore = 30; // for an answer too many

// Sends pieces of bytes, one after the other. Resolves to the statuses of the answers that come, then 'close' if the connection
// ends; and the text of all. Waits for `count` of them, or for the end.
function converse(url, pieces, count, untilClose) {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    let text = '';
    // Bodies here are JSON or texts that a model wrote: a status line in them is unlikely.
    const statuses = () => [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((m) => m[1]);
    const finish = (end) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ found: [...statuses(), ...end], text });
    };
    const timer = setTimeout(finish, kWait, []);
    socket.on('data', async (data) => {
      text += data.toString('latin1');
      if (untilClose || statuses().length < count) return;
      await pause(kMore);
      finish([]);
    });
    socket.on('error', () => {});
    socket.on('close', () => finish(['close']));
    pieces.forEach((piece, i) =>
      setTimeout(() => !socket.destroyed && socket.write(piece), 50 * i),
    );
  });
}

function isAsWanted(found, wanted) {
  const surplus = found.slice(wanted.length).filter((word) => word !== 'close');
  return surplus.length === 0 && wanted.every((word, i) => word.split('|').includes(found[i]));
}

// The body of an error, where it came with one, must be in OpenAI's shape.
function hasShape(text) {
  const found = /HTTP\/1\.1 [45]\d\d .*?\r\n\r\n(\{.*?\})\n?(?:HTTP|$)/s.exec(text);
  if (!found) return !/HTTP\/1\.1 [45]/.test(text);
  const { error } = JSON.parse(found[1]);
  return (
    typeof error?.message === 'string' &&
    typeof error.type === 'string' &&
    'param' in error &&
    'code' in error
  );
}

await run({}, async (server) => {
  const { host } = new URL(server.url);
  let failures = 0;
  for (const [name, bytes, answer] of kCases) {
    const wanted = answer.split(' ');
    const closes = wanted.at(-1) === 'close';
    const sent = [bytes]
      .flat()
      .map((part) =>
        Buffer.isBuffer(part) ? part : Buffer.from(part.replaceAll('HOST', host), 'latin1'),
      );
    const { found, text } = await converse(server.url, sent, wanted.length, closes);
    const isHead = sent[0].subarray(0, 4).toString() === 'HEAD';
    if (isAsWanted(found, wanted) && (isHead || hasShape(text))) continue;
    console.error(
      `${name}: expected ${answer}, found ${found.join(' ').slice(0, 200)}: ` +
        JSON.stringify(text.slice(0, 300)),
    );
    ++failures;
  }
  if (server.pid) expect(isAlive(server.pid), 'the server has died');
  await untilIdle(server.url);
  console.log(`${kCases.length} cases of raw bytes, ${failures} not as expected`);
  expect(failures === 0, `${failures} of ${kCases.length} cases`);
});
