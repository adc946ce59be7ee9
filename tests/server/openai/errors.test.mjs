// Refusals by OpenAI's client.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import OpenAI from 'openai';

import { get } from '../lib/connection.mjs';
import { start } from './start.mjs';

const keys = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
const server = await start(['--parallel', '2', '--queue', '2'], {
  env: { ONEBIT_API_KEYS: keys.join(',') },
});
const client = server.client(keys[0]);
const messages = [{ role: 'user', content: 'The king said' }];
const chat = (more, options) =>
  client.chat.completions.create({ model: 'any', messages, ...more }, options);

const wrong = [
  ['messages', { messages: undefined }],
  ['messages', { messages: [] }],
  ['messages', { messages: 'Hi' }],
  ['messages[0].role', { messages: [{ role: 'king', content: 'Hi' }] }],
  ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
  ['temperature', { temperature: 3 }],
  ['temperature', { temperature: 'hot' }],
  ['top_p', { top_p: -0.1 }],
  ['max_tokens', { max_tokens: 0 }],
  ['max_tokens', { max_tokens: 1.5 }],
  ['n', { n: 9 }],
  ['seed', { seed: 'a' }],
  ['stop', { stop: Array(17).fill('a') }],
  ['logit_bias', { logit_bias: { 999999999: 1 } }],
  ['logit_bias.5', { logit_bias: { 5: 101 } }],
  ['top_logprobs', { logprobs: true, top_logprobs: 21 }],
  ['stream', { stream: 'yes' }],
  ['response_format.type', { response_format: { type: 'xml' } }],
  ['grammar', { grammar: 'root ::= x' }],
];

test('BadRequestError names the field', async () => {
  for (const [param, more] of wrong) {
    await assert.rejects(chat(more), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, `${JSON.stringify(more)}: ${error}`);
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(error.param, param, `${JSON.stringify(more)}: ${error.message}`);
      return true;
    });
  }
});

test('a prompt longer than the context is refused with its length', async () => {
  const long = [{ role: 'user', content: 'king '.repeat(5000) }];
  await assert.rejects(chat({ messages: long }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'context_length_exceeded');
    return true;
  });
});

test('unknown fields are ignored', async () => {
  const answer = await chat({
    max_tokens: 4,
    user: 'me',
    frobnicate: { a: 1 },
    service_tier: 'auto',
  });
  assert.ok(answer.choices[0].message.content.length > 0);
});

test('AuthenticationError without a key of the server', async () => {
  for (const key of ['wrong', `${keys[0]}x`, keys[0].slice(0, -1)]) {
    await assert.rejects(server.client(key).models.list(), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, 'invalid_api_key');
      assert.ok(!error.message.includes(key));
      return true;
    });
  }
  assert.equal((await server.client(keys[1]).models.list()).data.length, 1);
  assert.equal((await get(server.url, '/health')).status, 200);
  for (const path of ['/metrics', '/v1/models'])
    assert.equal((await get(server.url, path)).status, 401);
});

test('NotFoundError for what is not there', async () => {
  await assert.rejects(client.models.retrieve('nothing'), OpenAI.NotFoundError);
  await assert.rejects(client.files.list(), OpenAI.NotFoundError);
});

test('RateLimitError when the queue is full', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 24 }, (_, i) => chat({ max_tokens: 100, seed: i })),
  );
  const refused = results
    .filter((result) => result.status === 'rejected')
    .map((result) => result.reason);
  assert.ok(refused.length > 0, 'all were taken');
  assert.ok(refused.length < 24, 'none was taken');
  for (const error of refused) {
    assert.ok(error instanceof OpenAI.RateLimitError, String(error));
    assert.ok(Number(error.headers['retry-after']) >= 1);
  }
  const patient = server.client(keys[0], { maxRetries: 8 });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      patient.chat.completions.create({ model: 'any', messages, max_tokens: 8, seed: i }),
    ),
  );
  assert.equal(answers.length, 8);
});
