// Chats and completions by OpenAI's client.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';

import { collect, start, textOf } from './start.mjs';

const server = await start();
const client = server.client();
const model = (await client.models.list()).data[0].id;
const messages = [{ role: 'user', content: 'The king said to the queen' }];
const chat = (more) => client.chat.completions.create({ model, messages, max_tokens: 24, ...more });
const complete = (more) =>
  client.completions.create({ model, prompt: 'Once upon a time', max_tokens: 24, ...more });

test('a chat has text, usage and a reason', async () => {
  const answer = await chat({ seed: 1 });
  assert.equal(answer.object, 'chat.completion');
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.model, model);
  const [choice] = answer.choices;
  assert.equal(choice.message.role, 'assistant');
  assert.ok(choice.message.content.length > 10);
  assert.ok(['stop', 'length'].includes(choice.finish_reason));
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  assert.ok(prompt_tokens >= 5);
  assert.ok(completion_tokens > 0 && completion_tokens <= 24);
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
  assert.equal(answer.timings.predicted_n, completion_tokens);
});

test('a stream says what the whole answer says', async () => {
  const whole = await chat({ seed: 7 });
  const chunks = await collect(
    await chat({ seed: 7, stream: true, stream_options: { include_usage: true } }),
  );
  assert.equal(textOf(chunks), whole.choices[0].message.content);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks[0].object, 'chat.completion.chunk');
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.deepEqual(
    [last.usage.prompt_tokens, last.usage.completion_tokens],
    [whole.usage.prompt_tokens, whole.usage.completion_tokens],
  );
  assert.ok(
    chunks.slice(0, -1).every((chunk) => !chunk.usage),
    'usage comes once',
  );
  const reasons = chunks
    .flatMap((chunk) => chunk.choices)
    .map((choice) => choice.finish_reason)
    .filter(Boolean);
  assert.deepEqual(reasons, [whole.choices[0].finish_reason]);
});

test('no usage chunk unless it is asked for', async () => {
  const chunks = await collect(await chat({ stream: true }));
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
});

test('n answers, that differ', async () => {
  const answer = await chat({ n: 3, seed: 5, temperature: 1 });
  assert.deepEqual(
    answer.choices.map((choice) => choice.index),
    [0, 1, 2],
  );
  assert.equal(new Set(answer.choices.map((choice) => choice.message.content)).size, 3);
  const chunks = await collect(await chat({ n: 3, seed: 5, temperature: 1, stream: true }));
  for (const i of [0, 1, 2]) assert.equal(textOf(chunks, i), answer.choices[i].message.content);
});

test('stop ends the text in front of itself', async () => {
  const whole = (await complete({ seed: 2, max_tokens: 40 })).choices[0].text;
  const stop = whole.slice(20, 24);
  for (const stops of [stop, ['never seen', stop]]) {
    const [choice] = (await complete({ seed: 2, max_tokens: 40, stop: stops })).choices;
    assert.equal(choice.text, whole.slice(0, whole.indexOf(stop)));
    assert.equal(choice.finish_reason, 'stop');
  }
  const chunks = await collect(await complete({ seed: 2, max_tokens: 40, stop, stream: true }));
  assert.equal(textOf(chunks), whole.slice(0, whole.indexOf(stop)));
});

test('equal seeds give equal texts, alone and among 16', async () => {
  const alone = await chat({ seed: 11, temperature: 1.2, max_tokens: 40 });
  const text = alone.choices[0].message.content;
  const others = Array.from({ length: 15 }, (_, i) =>
    complete({ seed: i, temperature: 1.2, max_tokens: 30 + i, prompt: `Chapter ${i}.` }),
  );
  const again = await chat({ seed: 11, temperature: 1.2, max_tokens: 40 });
  await Promise.all(others);
  assert.equal(again.choices[0].message.content, text);
  const other = await chat({ seed: 12, temperature: 1.2, max_tokens: 40 });
  assert.notEqual(other.choices[0].message.content, text);
});

test('temperature 0 is the likeliest token, as its logprobs say', async () => {
  const answer = await chat({ temperature: 0, logprobs: true, top_logprobs: 3, max_tokens: 12 });
  const { content } = answer.choices[0].logprobs;
  assert.equal(content.length, answer.usage.completion_tokens);
  assert.equal(content.map((token) => token.token).join(''), answer.choices[0].message.content);
  for (const { token, logprob, bytes, top_logprobs } of content) {
    assert.equal(top_logprobs.length, 3);
    assert.equal(top_logprobs[0].token, token);
    assert.ok(logprob <= 0 && logprob === top_logprobs[0].logprob);
    assert.ok(top_logprobs[0].logprob >= top_logprobs[1].logprob);
    assert.equal(Buffer.from(bytes).toString(), token);
  }
  const chunks = await collect(
    await chat({ temperature: 0, logprobs: true, top_logprobs: 3, max_tokens: 12, stream: true }),
  );
  const streamed = chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []);
  assert.deepEqual(streamed, content);
});

test('completions have logprobs in their own form', async () => {
  const {
    choices: [choice],
    usage,
  } = await complete({ temperature: 0, logprobs: 2, max_tokens: 8 });
  const { tokens, token_logprobs, top_logprobs, text_offset } = choice.logprobs;
  assert.equal(tokens.join(''), choice.text);
  for (const list of [tokens, token_logprobs, top_logprobs, text_offset]) {
    assert.equal(list.length, usage.completion_tokens);
  }
  assert.equal(top_logprobs[0][tokens[0]], token_logprobs[0]);
});

test('a bias of 100 chooses a token, one of -100 forbids it', async () => {
  const token = 300;
  const body = { temperature: 0, max_tokens: 5 };
  const forced = await complete({ ...body, logit_bias: { [token]: 100 } });
  const detokenized = await client.post('/../detokenize', {
    body: { tokens: Array(5).fill(token) },
  });
  assert.equal(forced.choices[0].text, detokenized.content);
  const free = await complete({ ...body, logprobs: 0, max_tokens: 1 });
  const {
    tokens: [first],
  } = await client.post('/../tokenize', { body: { content: free.choices[0].text } });
  const other = await complete({ ...body, max_tokens: 1, logit_bias: { [first]: -100 } });
  assert.notEqual(other.choices[0].text, free.choices[0].text);
});

test('completions of many prompts and of tokens', async () => {
  const prompts = ['The king', 'The queen'];
  const both = await complete({ prompt: prompts, temperature: 0, max_tokens: 8 });
  assert.equal(both.choices.length, 2);
  for (const [i, prompt] of prompts.entries()) {
    const one = await complete({ prompt, temperature: 0, max_tokens: 8 });
    assert.equal(both.choices[i].text, one.choices[0].text);
    const { tokens } = await client.post('/../tokenize', {
      body: { content: prompt, add_special: true },
    });
    const same = await complete({ prompt: tokens, temperature: 0, max_tokens: 8 });
    assert.equal(same.choices[0].text, one.choices[0].text);
  }
});

test('penalties change the text', async () => {
  const plain = await complete({ temperature: 0, max_tokens: 60 });
  for (const penalty of [
    { frequency_penalty: 2 },
    { presence_penalty: 2 },
    { repetition_penalty: 1.5 },
  ]) {
    const other = await complete({ temperature: 0, max_tokens: 60, ...penalty });
    assert.notEqual(other.choices[0].text, plain.choices[0].text, JSON.stringify(penalty));
  }
});
