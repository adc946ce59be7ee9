// Server-sent events: text to events, and a whole streamed answer as what its events said.
import { performance } from 'node:perf_hooks';

export class EventReader {
  // on_event({event, data}): for each whole event, in order.
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.left = '';
  }

  push(text) {
    const blocks = (this.left + text).split('\n\n');
    this.left = blocks.pop();
    for (const block of blocks) {
      const event = { event: '', data: '' };
      for (const line of block.split('\n')) {
        const [, name, value] = /^(\w*): ?(.*)$/s.exec(line) ?? [];
        if (name === 'data') event.data += value;
        else if (name === 'event') event.event = value;
      }
      this.onEvent(event);
    }
  }
}

// Asks for a stream of /v1/completions or /v1/chat/completions. Resolves to {status, deltas, finish,
// usage, ended, body, times}: `deltas` the texts of choice 0 in order, `times` when each came,
// `ended` whether [DONE] came last, `body` of another status than 200.
export async function stream(connection, request, { onEvent } = {}) {
  const result = {
    status: 0,
    deltas: [],
    times: [],
    finish: null,
    usage: null,
    ended: false,
    body: '',
  };
  const reader = new EventReader(({ data }) => {
    if (result.ended) throw new Error(`an event after [DONE]: ${data}`);
    if (data === '[DONE]') {
      result.ended = true;
      return;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Error(`an error event: ${data}`);
    result.usage = chunk.usage ?? result.usage;
    result.timings = chunk.timings ?? result.timings;
    for (const choice of chunk.choices ?? []) {
      if (choice.index !== 0) continue;
      const text = choice.text ?? choice.delta?.content;
      if (text) {
        result.deltas.push(text);
        result.times.push(performance.now());
      }
      result.finish = choice.finish_reason ?? result.finish;
    }
    onEvent?.(chunk);
  });
  result.start = performance.now();
  const body = { ...request.body, stream: true, stream_options: { include_usage: true } };
  const { headers } = await connection.request(
    { ...request, body },
    {
      onHead: (answer) => {
        result.status = answer.status;
      },
      onText: (text) => {
        if (result.status === 200) reader.push(text);
        else result.body += text;
      },
    },
  );
  result.headers = headers;
  result.end = performance.now();
  result.text = result.deltas.join('');
  return result;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The same, asked again where the server is busy (429), as OpenAI's client does. Adds `refusals`.
export async function streamPatiently(connection, request, options) {
  for (let refusals = 0; ; ++refusals) {
    const result = await stream(connection, request, options);
    if (result.status !== 429) return { ...result, refusals };
    await pause(1000 * Number(result.headers['retry-after'] ?? 1) * (0.5 + Math.random()));
  }
}
