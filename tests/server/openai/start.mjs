// What the tests with OpenAI's own client share: a server, and a client of it.
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';

import { startServer } from '../lib/server.mjs';

// ONEBIT_SERVER: the binary. The server is stopped after the tests of the file that asks.
export async function start(flags = [], options = {}) {
  const server = await startServer(process.env.ONEBIT_SERVER, flags, options);
  after(() => server.stop());
  server.client = (key = 'none', more = {}) =>
    new OpenAI({
      baseURL: `${server.url}/v1`,
      apiKey: key,
      maxRetries: 0,
      timeout: 30000,
      ...more,
    });
  return server;
}

// A template that shows tools to any model, so that the default model can be asked for calls.
export const toolTemplate = fileURLToPath(new URL('../tools.jinja', import.meta.url));

export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// The text of choice i in the chunks of a chat or completion.
export const textOf = (chunks, i = 0) =>
  chunks
    .flatMap((chunk) => chunk.choices)
    .filter((choice) => choice.index === i)
    .map((choice) => choice.text ?? choice.delta.content ?? '')
    .join('');
