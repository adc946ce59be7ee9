// Paths that try to leave a web server's folder, and the same as values of every field that is a
// text: there is no folder, no field is ever a path, and the server opens no file.
//   node paths.mjs --server BINARY [--trace 1] [-- MODEL AND FLAGS]
// `trace`: 1: strace watches the server's files; 0 without strace, or where it may not trace.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { ask, get, post } from './lib/connection.mjs';
import { expect, run } from './lib/server.mjs';

const kUps = [
  '../',
  '..%2f',
  '%2e%2e/',
  '%2e%2e%2f',
  '..\\',
  '..%5c',
  '%252e%252e%252f',
  '....//',
  '..;/',
  '%c0%ae%c0%ae/',
  '%uff0e%uff0e/',
  '..%00/',
  './../',
  '.%2e/',
  '..%c0%af',
];
const kFiles = [
  'etc/passwd',
  'proc/self/environ',
  'proc/self/cmdline',
  'root/.ssh/id_rsa',
  'app.js',
];
const kPrefixes = ['/', '/v1/models/', '/assets/', '//'];

function payloads() {
  const all = [];
  for (const prefix of kPrefixes) {
    for (const up of kUps) {
      for (const file of kFiles) all.push(`${prefix}${up.repeat(1 + (all.length % 8))}${file}`);
    }
  }
  return [
    ...all,
    '/.',
    '/..',
    '/%00',
    '/etc/passwd',
    '//etc/passwd',
    '/.git/config',
    '/.env',
    'file:///etc/passwd',
    '/v1/models/..',
    '/v1/models/%2e%2e',
    '/health/../metrics',
    '/health/.',
    '/health/',
    '/HEALTH',
    '/health%00',
    '/health%20',
    '/v1//models',
    '/v1/models/%',
    '/%zz',
  ];
}

const kTexts = [
  '../../../../etc/passwd',
  '/etc/passwd',
  'file:///etc/passwd',
  '\\\\host\\share',
  '$(touch /tmp/x)',
  '`id`',
  '%s%n',
  '/proc/self/environ',
  'http://127.0.0.1:1/',
  '\u0000/etc/passwd',
];

const bodies = (text) => [
  [
    '/v1/completions',
    { model: text, prompt: text, stop: text, max_tokens: 1, user: text, suffix: text },
  ],
  [
    '/v1/chat/completions',
    { model: text, messages: [{ role: 'user', content: text, name: text }], max_tokens: 1 },
  ],
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: text } }] }] },
  ],
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: 'a' }], max_tokens: 1, grammar: text },
  ],
  [
    '/v1/chat/completions',
    {
      messages: [{ role: 'user', content: 'a' }],
      max_tokens: 1,
      response_format: { type: 'json_schema', json_schema: { name: text, schema: { $ref: text } } },
    },
  ],
  ['/v1/embeddings', { model: text, input: text, encoding_format: text }],
  ['/v1/responses', { model: text, input: text, previous_response_id: text, max_output_tokens: 1 }],
  ['/tokenize', { content: text }],
];

// What the C library looks at by itself: how memory is given back, and the time zone.
const kOfLibrary = /"\/proc\/sys\/vm\/overcommit_memory"|"\/etc\/localtime"/;

const folder = mkdtempSync(path.join(tmpdir(), 'onebit-trace-'));
const traceFile = path.join(folder, 'trace');
process.once('exit', () => rmSync(folder, { recursive: true }));
// -D: the process we start is the server, not strace.
const tracer = ['strace', '-D', '-f', '-q', '-e', 'trace=%file,connect', '-o', traceFile];
const canTrace = () => spawnSync(tracer[0], [...tracer.slice(1), 'true']).status === 0;

await run(
  { trace: 0 },
  async (server, options) => {
    const traced = () => (options.trace ? readFileSync(traceFile, 'latin1') : '');
    await get(server.url, '/metrics');
    const begin = traced().length;
    if (options.trace) expect(begin > 1000, 'strace saw nothing of the start');

    const wrong = [];
    const paths = payloads();
    for (const target of paths) {
      for (const method of ['GET', 'POST']) {
        const { status, body } = await ask(server.url, {
          method,
          path: target,
          body: method === 'POST' ? '{}' : undefined,
        });
        if (![400, 403, 404].includes(status) || /root:|PATH=/.test(body))
          wrong.push(`${method} ${target}: ${status}`);
      }
    }
    let fields = 0;
    for (const text of kTexts) {
      for (const [endpoint, body] of bodies(text)) {
        const { status, body: answer } = await post(server.url, endpoint, body);
        if (status >= 500 || /root:.:0/.test(answer))
          wrong.push(`${endpoint} ${JSON.stringify(body)}: ${status}`);
        ++fields;
      }
    }
    const touched = traced()
      .slice(begin)
      .split('\n')
      .filter((line) => line.includes('(') && !kOfLibrary.test(line));
    console.log(
      `${paths.length} paths by GET and POST and ${fields} bodies, ${wrong.length} not refused` +
        (options.trace ? `; ${touched.length} system calls with a path or a connection` : ''),
    );
    expect(wrong.length === 0, wrong.slice(0, 10).join('\n'));
    expect(touched.length === 0, `system calls:\n${touched.slice(0, 10).join('\n')}`);
  },
  (options) => {
    if (options.trace && !canTrace()) {
      console.log('strace is missing or may not trace: files are not watched');
      options.trace = 0;
    }
    return options.trace ? { wrap: tracer } : {};
  },
);
