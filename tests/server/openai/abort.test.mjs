// Clients that leave, by OpenAI's client: what they held is free soon after.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

import { metrics, untilIdle } from '../lib/watch.mjs';
import { start } from './start.mjs';

const server = await start();
const client = server.client();
const long = {
  model: 'any',
  messages: [{ role: 'user', content: 'The king' }],
  n: 8,
  max_tokens: 240,
  temperature: 1.5,
};
const kRequests = 4; // of 8 answers each: even the default model takes a second for so many
const tokens = async () => (await metrics(server.url)).onebit_generated_tokens_total;

async function wasCutShort(before) {
  await untilIdle(server.url, 1000);
  const made = (await tokens()) - before;
  assert.ok(made < (kRequests * 8 * 240) / 2, `${made} tokens were made`);
}

const ask = (more, { signal }) => client.chat.completions.create({ ...long, ...more }, { signal });

test('an abort in streams frees the slots', async () => {
  const before = await tokens();
  const controller = new AbortController();
  await Promise.all(
    Array.from({ length: kRequests }, async () => {
      try {
        for await (const _ of await ask({ stream: true }, controller)) controller.abort();
      } catch (error) {
        assert.ok(
          error instanceof OpenAI.APIUserAbortError || error.name === 'AbortError',
          String(error),
        );
      }
    }),
  );
  await wasCutShort(before);
});

test('an abort of whole answers frees the slots', async () => {
  const before = await tokens();
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  await Promise.all(
    Array.from({ length: kRequests }, () =>
      assert.rejects(ask({}, controller), OpenAI.APIUserAbortError),
    ),
  );
  await wasCutShort(before);
});

test('after that the server answers as before', async () => {
  const { choices } = await client.chat.completions.create({ ...long, n: 1, max_tokens: 8 });
  assert.ok(choices[0].message.content.length > 0);
});
