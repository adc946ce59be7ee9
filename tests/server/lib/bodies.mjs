// A valid body of every kind for every endpoint: what is mutated, and what a soak asks for. Answers
// are short: `tokens` at most.
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 8 },
    age: { type: 'integer', minimum: 0, maximum: 99 },
    tags: { type: 'array', items: { enum: ['red', 'green'] }, maxItems: 2 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};

const tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Of a place',
    parameters: {
      type: 'object',
      properties: { place: { type: 'string', maxLength: 8 } },
      required: ['place'],
      additionalProperties: false,
    },
  },
};

const messages = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: 'The king said' },
];

export function validRequests(tokens = 8) {
  const sampling = {
    model: 'onebit',
    temperature: 0.9,
    top_p: 0.9,
    top_k: 20,
    min_p: 0.05,
    repetition_penalty: 1.1,
    presence_penalty: 0.5,
    frequency_penalty: -0.5,
    logit_bias: { 5: 1.5, 17: -100 },
    seed: 42,
  };
  const chat = (more) => ({
    path: '/v1/chat/completions',
    body: { messages, max_tokens: tokens, ...more },
  });
  const completion = (more) => ({
    path: '/v1/completions',
    body: { prompt: 'Once upon', max_tokens: tokens, ...more },
  });
  return [
    chat({ ...sampling, stop: ['zzz', '\n\n\n'], n: 2, logprobs: true, top_logprobs: 3 }),
    chat({
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: tokens,
      max_tokens: undefined,
    }),
    chat({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'é 漢 😀' }] },
        { role: 'assistant', content: 'Yes.' },
        { role: 'user', content: '' },
      ],
      user: 'u',
    }),
    chat({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'person', strict: true, schema },
      },
    }),
    chat({ response_format: { type: 'json_object' }, stream: true }),
    chat({ grammar: 'root ::= ("ab" | "cd"){2,4} [0-9]' }),
    chat({ tools: [tool], tool_choice: 'required' }),
    chat({
      tools: [tool],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      messages: [
        ...messages,
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            {
              id: 'call_1',
              type: 'function',
              function: { name: 'weather', arguments: '{"place": "a"}' },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'Rain' },
      ],
    }),
    completion({ ...sampling, stop: 'zzz', n: 2, logprobs: 2 }),
    completion({ prompt: ['One', 'Two'], stream: true, stream_options: { include_usage: true } }),
    completion({ prompt: [5, 6, 7], temperature: 0 }),
    completion({ prompt: [[5, 6], [7]], best_of: 1, echo: false, suffix: null }),
    {
      path: '/v1/responses',
      body: { input: 'The king', max_output_tokens: tokens, instructions: 'Be kind.' },
    },
    {
      path: '/v1/responses',
      body: {
        input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
        max_output_tokens: tokens,
        stream: true,
        text: { format: { type: 'json_schema', name: 'person', schema } },
        metadata: { a: 'b' },
      },
    },
    {
      path: '/v1/embeddings',
      body: { input: ['one', 'two'], encoding_format: 'base64', pooling: 'mean', model: 'm' },
    },
    { path: '/v1/embeddings', body: { input: [[5, 6], [7]], pooling: 'last' } },
    { path: '/tokenize', body: { content: 'Hello  world\n', add_special: true } },
    { path: '/detokenize', body: { tokens: [5, 6, 7] } },
  ];
}
