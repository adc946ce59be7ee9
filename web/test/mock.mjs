// A server that speaks as onebit serve does and writes what the tests need, a word at a time.
//   node test/mock.mjs [PORT]
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url);
const files = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/index.html': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
  '/licenses.txt': ['licenses.txt', 'text/plain; charset=utf-8'],
};
// As the server sends it.
export const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const poem = `A **1-bit** model keeps each weight as one sign. A matrix of 4096 x 4096 then takes 2 MB
instead of 32, and a dot product needs no multiplication:

\`\`\`cpp
// Signs as bits: +1 is 1, -1 is 0.
int dot(const uint64_t* a, const uint64_t* b, size_t words) {
  int same = 0;
  for (size_t i = 0; i < words; ++i) same += std::popcount(~(a[i] ^ b[i]));
  return 2 * same - 64 * int(words);
}
\`\`\`

| type | bits per weight | values |
|---|---:|---|
| binary | 1.00 | -1, +1 |
| ternary | 1.58 | -1, 0, +1 |

1. The scale of a row is a \`float\`.
2. Activations are rounded to *8 bits*.
`;

const hostile = `<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 2"><iframe src="https://evil.example/"></iframe>
<svg onload="window.hacked = 3"><style>body { display: none }</style>

[a](javascript:window.hacked=4) [b](data:text/html,<script>window.hacked=5</script>) [c](JaVaScRiPt&colon;alert)
[d](/relative) ![picture](https://evil.example/pixel.png) <https://good.example/> [e](vbscript:x)
<a href="javascript:window.hacked=6" onclick="window.hacked=7">raw</a> <form action="https://evil.example">

\`\`\`html"><img src=x onerror=window.hacked=8>
</code></pre><script>window.hacked = 9</script>
\`\`\`

| <img src=x onerror=window.hacked=10> | b |
|---|---|
| <b style="position:fixed">c</b> | d<br>e |

[x]: javascript:window.hacked=11
[x] <math><mtext><table><mglyph><style><img src=x onerror=window.hacked=12>
`;

// What is asked for decides the answer: tests write "say hostile".
const answers = {
  hostile: () => hostile,
  megabyte: () => 'A word of many, and *some* more. '.repeat(32768),
  table: () => `|a|b|c|\n|-|-|-|\n${'|1|2|3|\n'.repeat(5000)}`,
  links: () => '![a]('.repeat(4000),
  stars: () => `${'*a '.repeat(6000)}\n\n${'> '.repeat(5000)}\n\n${'- '.repeat(5000)}`,
  markers: () => '* - '.repeat(10000),
  word: () => `${'a.'.repeat(10000)}@`,
  parentheses: () => `[a](${'('.repeat(19000)}`,
  paragraphs: () => `${'_a_ **b** `c` [d](https://e.example/) f '.repeat(4)}\n\n`.repeat(500),
  thinking: () => '<think>Let me see.</think>\n\nSeen.',
  arabic: () => 'مرحبا بالعالم، هذا نموذج صغير.',
  long: () => 'word '.repeat(2000),
  poem: () => poem,
};

const model = {
  id: 'bitnet-2b', object: 'model', created: 1, owned_by: 'onebit',
  onebit: {
    architecture: 'bitnet', name: 'BitNet b1.58 2B4T', parameters: 2412820480, bits_per_weight: 1.71,
    file_bytes: 1187801280, activations: 'int8', isa: 'avx512', threads: 2, context: 4096,
    is_chat: true, template: 'bitnet',
  },
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function json(res, status, body, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}
const refuse = (res, status, message, { code = null, ...headers } = {}) =>
  json(res, status, { error: { message, type: 'x', code } }, headers);
const refuseAll = (res, state) =>
  refuse(res, 503, 'not now', { code: { loading: 'model_loading', draining: 'shutting_down' }[state.state] });

async function body(req) {
  let text = '';
  for await (const piece of req) text += piece;
  return JSON.parse(text);
}

async function write(req, res, state, isChat) {
  const asked = await body(req);
  state.requests.push(asked);
  if (state.busy > 0) {
    state.busy--;
    return refuse(res, 429, 'queue full', { 'retry-after': '1' });
  }
  if (state.state !== 'ok') return refuseAll(res, state);
  // Of 4096 tokens, those that a test says are taken.
  if (asked.max_tokens > model.onebit.context - state.taken) {
    return refuse(res, 400, 'messages: expected less', { code: 'context_length_exceeded' });
  }
  const question = isChat ? asked.messages.at(-1).content : asked.prompt;
  const word = /say (\w+)/.exec(question)?.[1] ?? 'poem';
  if (word === 'refused') return refuse(res, 400, 'temperature: expected at most 2, found 9');
  const text = (answers[word] ?? answers.poem)();
  const pieces = text.length > 20000 ? text.match(/[^]{1,65536}/g) : text.match(/\s*\S+|\s+$/g);
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (chunk) => res.write(`data: ${JSON.stringify(chunk)}\n\n`);
  let gone = false;
  res.on('close', () => {
    gone = true;
    if (!res.writableEnded) state.disconnects++;
  });
  await sleep(5 * state.delay);
  const choice = (piece, end = null) =>
    isChat ? { index: 0, delta: { content: piece }, finish_reason: end } : { index: 0, text: piece, finish_reason: end };
  for (const [i, piece] of pieces.entries()) {
    if (gone) return;
    if (word === 'broken' && i === 5) return res.destroy();
    if (word === 'failing' && i === 5) {
      send({ error: { message: 'The server is stopping.', type: 'server_error' } });
      return res.end();
    }
    send({ choices: [choice(piece)] });
    await sleep(state.delay);
  }
  const n = pieces.length;
  send({ choices: [choice('', 'stop')] });
  send({
    choices: [],
    usage: { prompt_tokens: 12, completion_tokens: n, total_tokens: 12 + n },
    timings: {
      prompt_n: 12, cached_n: 0, prompt_ms: 80, prompt_per_second: 150, predicted_n: n,
      predicted_ms: n * 25, predicted_per_second: 40, queue_ms: 1,
    },
  });
  res.write('data: [DONE]\n\n');
  res.end();
}

export function startMock({ delay = 25, isChat = true, key = '', port = 0 } = {}) {
  const state = { delay, isChat, key, busy: 0, taken: 0, state: 'ok', disconnects: 0, requests: [] };
  const server = createServer((req, res) => {
    const path = new URL(req.url, 'http://x').pathname;
    const file = req.method === 'GET' ? files[path] : undefined;
    if (file) {
      res.writeHead(200, { 'content-type': file[1], 'content-security-policy': csp, 'x-content-type-options': 'nosniff' });
      return res.end(readFileSync(new URL(file[0], dist)));
    }
    if (state.key && req.headers.authorization !== `Bearer ${state.key}`) return refuse(res, 401, 'API key');
    if (path === '/v1/models') {
      if (state.state !== 'ok') return refuseAll(res, state);
      return json(res, 200, { object: 'list', data: [{ ...model, onebit: { ...model.onebit, is_chat: state.isChat } }] });
    }
    if (path === '/v1/chat/completions' || path === '/v1/completions') {
      return write(req, res, state, path.includes('chat')).catch(() => res.destroy());
    }
    if (path === '/tokenize') {
      return body(req).then(({ content }) => json(res, 200, { tokens: new Array(Math.ceil(content.length / 4)).fill(1) }));
    }
    return refuse(res, 404, 'no such path');
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const close = () => (server.closeAllConnections(), server.close());
      resolve({ url: `http://127.0.0.1:${server.address().port}/`, state, close });
    });
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { url } = await startMock({ port: Number(process.argv[2] ?? 0) });
  console.log(url);
}
