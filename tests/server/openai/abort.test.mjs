// Clients that leave, by OpenAI's client: what they held is free soon after.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';

import { metrics, untilIdle } from '../lib/watch.mjs';
import { start } from './start.mjs';

const server = await start();
const client = server.client();
// Eight answers as long as the context allows: the default model takes tenths of a second for them.
const long = {
  model: 'any', messages: [{ role: 'user', content: 'The king' }], n: 8, max_tokens: 240, temperature: 1.5,
};
const counts = async () => {
  const m = await metrics(server.url);
  return { cancelled: m['onebit_requests_finished_total{reason="cancelled"}'], tokens: m.onebit_generated_tokens_total };
};

async function wasCutShort(before) {
  await untilIdle(server.url, 500);
  const after = await counts();
  assert.ok(after.cancelled > before.cancelled, 'nothing was cancelled');
  assert.ok(after.tokens - before.tokens < 8 * 240, 'all tokens were made');
}

test('an abort in a stream frees the slots', async () => {
  const before = await counts();
  const controller = new AbortController();
  const stream = await client.chat.completions.create({ ...long, stream: true }, { signal: controller.signal });
  let chunks = 0;
  try {
    for await (const _ of stream) {
      if (++chunks === 20) controller.abort();
    }
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIUserAbortError || error.name === 'AbortError', String(error));
  }
  await wasCutShort(before);
});

test('an abort of a whole answer frees the slots', async () => {
  const before = await counts();
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(client.chat.completions.create(long, { signal: controller.signal }), OpenAI.APIUserAbortError);
  await wasCutShort(before);
});

test('after that the server answers as before', async () => {
  const { choices } = await client.chat.completions.create({ ...long, n: 1, max_tokens: 8 });
  assert.ok(choices[0].message.content.length > 0);
});
