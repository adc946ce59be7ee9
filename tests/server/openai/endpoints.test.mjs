// The other endpoints by OpenAI's client: models, embeddings, responses.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';

import { get, post } from '../lib/connection.mjs';
import { collect, start } from './start.mjs';

const server = await start();
const client = server.client();

test('models: a list, and each by its name', async () => {
  const { data } = await client.models.list();
  assert.equal(data.length, 1);
  assert.equal(data[0].object, 'model');
  assert.equal(data[0].owned_by, 'onebit');
  for (const key of [
    'architecture',
    'parameters',
    'bits_per_weight',
    'file_bytes',
    'activations',
    'isa',
    'threads',
    'context',
  ]) {
    assert.ok(key in data[0].onebit, key);
  }
  const one = await client.models.retrieve(data[0].id);
  assert.deepEqual(one, data[0]);
  await assert.rejects(client.models.retrieve('no-such-model'), { status: 404 });
});

const length = (vector) => Math.hypot(...vector);

test('embeddings: of length 1, equal for equal texts, in both encodings', async () => {
  const create = (input, more = {}) =>
    client.embeddings.create({ model: 'any', input, pooling: 'mean', ...more });
  const two = await create(['The king', 'A ship at sea']); // base64, which this client asks for by itself
  assert.deepEqual(
    two.data.map((item) => item.index),
    [0, 1],
  );
  assert.ok(two.usage.prompt_tokens > 4);
  const [king, ship] = two.data.map((item) => item.embedding);
  assert.ok(Math.abs(length(king) - 1) < 1e-3);
  assert.notDeepEqual(king, ship);
  const again = await create('The king', { encoding_format: 'float' });
  assert.equal(again.data[0].embedding.length, king.length);
  assert.ok(again.data[0].embedding.every((value, i) => Math.abs(value - king[i]) < 1e-6));
  const { tokens } = JSON.parse(
    (await post(server.url, '/tokenize', { content: 'The king' })).body,
  );
  assert.ok((await create(tokens)).data[0].embedding.length === king.length);
});

test('responses: a text, whole and as events', async () => {
  const body = { model: 'any', input: 'The king said', max_output_tokens: 16, temperature: 0 };
  const whole = await client.responses.create(body);
  assert.equal(whole.object, 'response');
  assert.match(whole.id, /^resp_/);
  assert.ok(whole.output_text.length > 5);
  assert.equal(whole.output[0].type, 'message');
  assert.equal(whole.usage.output_tokens <= 16 && whole.usage.output_tokens > 0, true);
  assert.equal(whole.status, whole.usage.output_tokens === 16 ? 'incomplete' : 'completed');
  const events = await collect(await client.responses.create({ ...body, stream: true }));
  assert.equal(events[0].type, 'response.created');
  const text = events
    .filter((event) => event.type === 'response.output_text.delta')
    .map((event) => event.delta)
    .join('');
  assert.equal(text, whole.output_text);
  assert.equal(events.find((event) => event.type === 'response.output_text.done').text, text);
  assert.match(events.at(-1).type, /^response\.(completed|incomplete)$/);
  assert.equal(events.at(-1).response.usage.output_tokens, whole.usage.output_tokens);
  events.forEach((event, i) => assert.equal(event.sequence_number, i));
});

test('responses: messages, instructions and a schema', async () => {
  const schema = {
    type: 'object',
    properties: { yes: { type: 'boolean' } },
    required: ['yes'],
    additionalProperties: false,
  };
  const answer = await client.responses.create({
    model: 'any',
    instructions: 'Be kind.',
    metadata: { a: 'b' },
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
    text: { format: { type: 'json_schema', name: 'x', schema } },
  });
  assert.equal(typeof JSON.parse(answer.output_text).yes, 'boolean');
  assert.deepEqual(answer.metadata, { a: 'b' });
});

test('responses: what is not stored cannot be continued', async () => {
  const create = (more) => client.responses.create({ model: 'any', input: 'a', ...more });
  await assert.rejects(create({ previous_response_id: 'resp_1' }), {
    status: 400,
    param: 'previous_response_id',
  });
});

test('tokenize and detokenize are inverse', async () => {
  const content = 'Hello  world\n é 漢 😀';
  const { tokens } = JSON.parse((await post(server.url, '/tokenize', { content })).body);
  assert.ok(tokens.length > 3 && tokens.every(Number.isInteger));
  assert.equal(
    JSON.parse((await post(server.url, '/detokenize', { tokens })).body).content,
    content,
  );
});

test('health and metrics', async () => {
  const health = await get(server.url, '/health');
  assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: 'ok' }]);
  const { body, headers } = await get(server.url, '/metrics');
  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const name = '[a-z_]+(?:\\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\\})?';
  for (const line of body.trimEnd().split('\n')) {
    assert.match(line, new RegExp(`^(# (HELP|TYPE) .*|${name} [-+0-9.eInfa]+)$`));
  }
  assert.match(body, /^onebit_kv_blocks \d+$/m);
});
