// Answers of a given form by OpenAI's client: JSON, schemas, calls of tools.
//   ONEBIT_SERVER=BINARY node --test openai/*.test.mjs
import assert from 'node:assert/strict';
import test from 'node:test';

import { collect, start, textOf, toolTemplate } from './start.mjs';

const server = await start(['--template', toolTemplate]);
const client = server.client();
const messages = [{ role: 'user', content: 'The king' }];
const chat = (more) =>
  client.chat.completions.create({ model: 'any', messages, temperature: 1, ...more });

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    tags: { type: 'array', items: { enum: ['red', 'green'] }, maxItems: 2 },
  },
  required: ['name', 'age', 'tags'],
  additionalProperties: false,
};

function checkPerson(text) {
  const person = JSON.parse(text);
  assert.deepEqual(Object.keys(person), ['name', 'age', 'tags']);
  assert.ok(person.name.length <= 12);
  assert.ok(Number.isInteger(person.age) && person.age >= 0 && person.age <= 120);
  assert.ok(person.tags.length <= 2 && person.tags.every((tag) => ['red', 'green'].includes(tag)));
}

const person = { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } };

test('json_schema: every answer is valid', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const {
      choices: [choice],
    } = await chat({ seed, response_format: person });
    assert.equal(choice.finish_reason, 'stop');
    checkPerson(choice.message.content);
  }
});

test('json_schema: streamed, and n of them', async () => {
  const chunks = await collect(
    await chat({ seed: 9, n: 2, stream: true, response_format: person }),
  );
  checkPerson(textOf(chunks, 0));
  checkPerson(textOf(chunks, 1));
});

test('json_schema: by the helper that parses', async () => {
  const answer = await client.beta.chat.completions.parse({
    model: 'any',
    messages,
    seed: 3,
    response_format: person,
  });
  checkPerson(answer.choices[0].message.content);
});

test('json_schema: what is not supported is refused by name', async () => {
  const response_format = {
    type: 'json_schema',
    json_schema: { name: 'x', schema: { type: 'object', minProperties: 2 } },
  };
  await assert.rejects(chat({ response_format }), (error) => {
    assert.equal(error.status, 400);
    assert.match(error.message, /minProperties/);
    assert.match(error.param, /^response_format/);
    return true;
  });
});

test('json_object: an object, or the beginning of one', async () => {
  for (const seed of [1, 2, 3]) {
    const {
      choices: [choice],
    } = await chat({ seed, max_tokens: 120, response_format: { type: 'json_object' } });
    if (choice.finish_reason === 'stop')
      assert.equal(typeof JSON.parse(choice.message.content), 'object');
    assert.match(choice.message.content, /^\s*\{/);
  }
});

test('grammar: what OpenAI does not have', async () => {
  const answer = await chat({ seed: 1, grammar: 'root ::= ("ab" | "cd"){2,4} [0-9]' });
  assert.match(answer.choices[0].message.content, /^(ab|cd){2,4}[0-9]$/);
});

const tool = (name, properties) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      type: 'object',
      properties,
      required: Object.keys(properties),
      additionalProperties: false,
    },
  },
});
const tools = [
  tool('weather', { place: { type: 'string', maxLength: 10 } }),
  tool('add', {
    a: { type: 'integer', minimum: 0, maximum: 9 },
    b: { type: 'integer', minimum: 0, maximum: 9 },
  }),
];

function checkCall(call) {
  assert.equal(call.type, 'function');
  assert.ok(call.id.length > 0);
  const given = JSON.parse(call.function.arguments);
  if (call.function.name === 'add') {
    assert.deepEqual(Object.keys(given), ['a', 'b']);
    assert.ok([given.a, given.b].every((v) => Number.isInteger(v) && v >= 0 && v <= 9));
  } else {
    assert.equal(call.function.name, 'weather');
    assert.ok(given.place.length <= 10);
  }
}

test('tools: required', async () => {
  const names = new Set();
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const {
      choices: [choice],
    } = await chat({ seed, tools, tool_choice: 'required' });
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.equal(choice.message.content, null);
    assert.equal(choice.message.tool_calls.length, 1);
    checkCall(choice.message.tool_calls[0]);
    names.add(choice.message.tool_calls[0].function.name);
  }
  assert.ok(names.size >= 1);
});

test('tools: one by name', async () => {
  for (const name of ['weather', 'add']) {
    const {
      choices: [choice],
    } = await chat({ seed: 3, tools, tool_choice: { type: 'function', function: { name } } });
    assert.equal(choice.message.tool_calls[0].function.name, name);
    checkCall(choice.message.tool_calls[0]);
  }
});

test('tools: streamed', async () => {
  const whole = await chat({ seed: 4, tools, tool_choice: 'required' });
  const chunks = await collect(
    await chat({ seed: 4, tools, tool_choice: 'required', stream: true }),
  );
  const deltas = chunks
    .flatMap((chunk) => chunk.choices)
    .flatMap((choice) => choice.delta.tool_calls ?? []);
  assert.deepEqual(new Set(deltas.map((delta) => delta.index)), new Set([0]));
  const call = {
    name: deltas.map((delta) => delta.function.name ?? '').join(''),
    arguments: deltas.map((delta) => delta.function.arguments ?? '').join(''),
  };
  assert.deepEqual(call, whole.choices[0].message.tool_calls[0].function);
  assert.equal(
    chunks.findLast((chunk) => chunk.choices[0]?.finish_reason).choices[0].finish_reason,
    'tool_calls',
  );
});

test('tools: auto and none, and the answer of a tool', async () => {
  const auto = await chat({ seed: 1, tools, tool_choice: 'auto', max_tokens: 16 });
  assert.ok(auto.choices[0].message.content || auto.choices[0].message.tool_calls);
  const none = await chat({ seed: 1, tools, tool_choice: 'none', max_tokens: 16 });
  assert.equal(none.choices[0].message.tool_calls, undefined);
  const call = {
    id: 'call_1',
    type: 'function',
    function: { name: 'add', arguments: '{"a": 1, "b": 2}' },
  };
  const after = await chat({
    messages: [
      ...messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: '3' },
    ],
    tools,
    max_tokens: 8,
    seed: 1,
  });
  assert.ok(after.usage.prompt_tokens > auto.usage.prompt_tokens);
});

test('tools: refused where the choice names none', async () => {
  const tool_choice = { type: 'function', function: { name: 'fly' } };
  await assert.rejects(chat({ tools, tool_choice }), {
    status: 400,
    param: 'tool_choice.function.name',
  });
  await assert.rejects(chat({ tool_choice: 'required' }), { status: 400, param: 'tool_choice' });
});
