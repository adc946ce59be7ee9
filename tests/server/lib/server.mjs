// A server of our own for a test: started on a free port of the loopback, stopped with it.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

import { get } from './connection.mjs';
import { pause } from './events.mjs';

const kStartSeconds = 60;

// Starts `onebit serve`, under the command `wrap` if there is one. Resolves to {url, pid, process,
// flags, log(), stop(), ended} once /health says that it is ready or, with `wait` false, once it listens.
export async function startServer(
  binary,
  flags = [],
  { env = {}, wait = true, wrap = [], port = 0 } = {},
) {
  const [command, ...rest] = [...wrap, binary, 'serve', '--port', String(port), ...flags];
  const child = spawn(command, rest, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const server = { process: child, pid: child.pid, flags, log: () => log };
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => resolve({ error }));
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  server.ended = exited.finally(() => process.removeListener('exit', kill)); // {code, signal}
  server.stop = (signal = 'SIGTERM') => {
    child.kill(signal);
    return server.ended;
  };
  const listening = new Promise((resolve) => {
    const read = (bytes) => {
      log = (log + bytes).slice(-100000);
      const found = /http:\/\/(127\.0\.0\.1|\[::1\]|localhost):\d+(?=\s)/.exec(log);
      if (found) resolve(found[0]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no address of the server in: ${log}`)),
      kStartSeconds * 1000,
    );
  });
  const ended = exited.then((end) => {
    throw new Error(`the server did not start: ${JSON.stringify(end)}\n${log}`);
  });
  server.url = await Promise.race([listening, ended, late]);
  clearTimeout(timer);
  if (wait) await untilReady(server.url);
  return server;
}

export async function untilReady(url) {
  for (const end = Date.now() + kStartSeconds * 1000; Date.now() < end; await pause(20)) {
    const { status } = await get(url, '/health').catch(() => ({}));
    if (status === 200) return;
  }
  throw new Error(`${url} is not ready after ${kStartSeconds} s`);
}

// The command line of a script: --server BINARY [MODEL AND FLAGS after --], or --url URL [--pid PID]
// of one that runs already; and `defaults`, {name: number or string}. Calls main(server, values)
// and ends the process with 0, or 1 if it throws. `start(values)`: what startServer() gets besides.
export async function run(defaults, main, start = () => ({})) {
  const options = { server: { type: 'string' }, url: { type: 'string' }, pid: { type: 'string' } };
  for (const name of Object.keys(defaults)) options[name] = { type: 'string' };
  let server;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const numbers = { ...defaults };
    for (const [name, value] of Object.entries(values)) {
      numbers[name] = typeof defaults[name] === 'number' ? Number(value) : value;
      if (Number.isNaN(numbers[name]))
        throw new Error(`--${name}: expected a number, found ${value}`);
    }
    if (!values.server && !values.url) throw new Error('expected --server BINARY or --url URL');
    server = values.url
      ? { url: values.url, pid: values.pid ? Number(values.pid) : null, stop: async () => {} }
      : await startServer(values.server, positionals, start(numbers));
    await main(server, numbers);
  } catch (error) {
    console.error(`FAILED: ${error.stack ?? error}`);
    process.exitCode = 1;
  }
  const end = await server?.stop();
  if (end && end.code !== 0) {
    console.error(
      `FAILED: the server ended with ${JSON.stringify(end)}\n${server.log().slice(-2000)}`,
    );
    process.exitCode = 1;
  }
  process.exit();
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}
