// Two servers behind nginx, one of them killed, started again and stopped under load: no request is
// lost that had not begun to stream, and none at all when a server is stopped by SIGTERM.
//   node replicas.mjs --server BINARY [--clients 16] [--seconds 2] [-- MODEL AND FLAGS]
// `seconds`: of each of the five phases, about. Needs nginx (Debian's nginx-light); says so without.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Connection, get } from './lib/connection.mjs';
import { pause, stream } from './lib/events.mjs';
import { expect, run, startServer, untilReady } from './lib/server.mjs';
import { metrics } from './lib/watch.mjs';

const kNginx = '/usr/sbin/nginx';
const kLeftAlone = 2000; // milliseconds: fail_timeout of the file
const kConf = new URL('../../share/nginx/onebit.conf', import.meta.url);

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// nginx with the file of share/, but for its ports.
async function startNginx(ports) {
  const folder = mkdtempSync(path.join(tmpdir(), 'onebit-nginx-'));
  const port = await freePort();
  const conf = readFileSync(kConf, 'utf8')
    .replace('8081', ports[0])
    .replace('8082', ports[1])
    .replace('8080', port);
  writeFileSync(`${folder}/onebit.conf`, conf);
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    `${folder}/nginx.conf`,
    `daemon off; pid ${folder}/pid; worker_processes 1; error_log ${folder}/log;
    events { worker_connections 1024; } http { access_log off; ${temp.join(' ')} include ${folder}/onebit.conf; }`,
  );
  const nginx = spawn(kNginx, ['-p', folder, '-c', `${folder}/nginx.conf`, '-e', `${folder}/log`], {
    stdio: 'inherit',
  });
  process.once('exit', () => {
    nginx.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => nginx.kill('SIGTERM') };
}

// Clients that ask one request after the other until stop(), which resolves to their tally.
function load(url, clients, expected) {
  const tally = { whole: 0, cut: 0, lost: [] }; // cut: after its stream had begun
  let stopped = false;
  async function client(index) {
    for (let i = index; !stopped; ++i) {
      const { request, text } = expected[i % expected.length];
      const connection = new Connection(url);
      let begun = false;
      try {
        let found;
        if (i % 2 === 0) {
          found = (
            await stream(connection, request, {
              onEvent: () => {
                begun = true;
              },
            })
          ).text;
        } else {
          const { status, body } = await connection.request(request);
          if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
          found = JSON.parse(body).choices[0].text;
        }
        if (found !== text) throw new Error(`another text: ${JSON.stringify(found)}`);
        ++tally.whole;
      } catch (error) {
        if (begun) ++tally.cut;
        else tally.lost.push(String(error));
      }
      connection.end();
    }
  }
  const all = Array.from({ length: clients }, (_, i) => client(i));
  return {
    tally,
    stop: async () => {
      stopped = true;
      await Promise.all(all);
      return tally;
    },
  };
}

// What a server says of itself while it loads and while it drains.
async function checkHealth(binary, flags) {
  const server = await startServer(binary, flags, { wait: false });
  for (let status = 0; status !== 200; ) {
    const answer = await get(server.url, '/health');
    status = answer.status;
    const { status: said } = JSON.parse(answer.body);
    expect(
      (status === 503 && said === 'loading') || (status === 200 && said === 'ok'),
      `/health: ${status} ${said}`,
    );
  }
  const connection = new Connection(server.url);
  const request = {
    path: '/v1/completions',
    body: { prompt: 'The king', max_tokens: 150, seed: 1 },
  };
  let asked = null;
  const answer = await stream(connection, request, {
    onEvent: () => {
      if (asked) return;
      server.process.kill('SIGTERM');
      asked = pause(20)
        .then(() => get(server.url, '/health'))
        .catch((error) => ({ error }));
    },
  });
  expect(answer.ended && answer.usage, 'a stream was cut off by SIGTERM');
  const { status, error } = await asked;
  expect(status === 503 || error, `/health while draining: ${status}`);
  const end = await server.ended; // a second signal would end it at once
  expect(end.code === 0, `end after SIGTERM: ${JSON.stringify(end)}`);
  return status === 503 ? '503' : 'no connection';
}

await run({ clients: 16, seconds: 2 }, async (first, options) => {
  if (spawnSync(kNginx, ['-v']).error) {
    console.log('skipped: there is no nginx (Debian: nginx-light)');
    return;
  }
  const binary = options.server;
  expect(binary, 'expected --server: servers are started and killed here');
  const flags = first.flags;
  console.log(
    `/health: loading or ok at the start, ${await checkHealth(binary, flags)} while draining`,
  );

  const expected = [];
  for (let seed = 0; seed < 8; ++seed) {
    const request = { path: '/v1/completions', body: { prompt: 'The king', max_tokens: 40, seed } };
    const connection = new Connection(first.url);
    expected.push({ request, text: (await stream(connection, request)).text });
    connection.end();
  }
  const ports = [await freePort(), await freePort()];
  const replicas = [];
  for (const port of ports) replicas.push(await startServer(binary, flags, { port }));
  const nginx = await startNginx(ports);
  await untilReady(nginx.url);

  const killed = load(nginx.url, options.clients, expected);
  const phase = () => pause(options.seconds * 1000);
  await phase();
  replicas[0].process.kill('SIGKILL');
  const before = killed.tally.whole;
  await phase();
  expect(killed.tally.whole > before, 'nothing was answered after the kill');
  replicas[0] = await startServer(binary, flags, { port: ports[0] });
  await pause(kLeftAlone);
  await phase();
  const one = await killed.stop();
  const back = (await metrics(replicas[0].url)).onebit_generated_tokens_total;
  console.log(
    `kill: ${one.whole} whole answers, ${one.cut} streams cut off, ${one.lost.length} lost; ` +
      `the server that came back wrote ${back} tokens`,
  );
  expect(one.lost.length === 0, one.lost.slice(0, 5).join('\n'));
  expect(back > 0, 'the server that came back got no request');

  const stopped = load(nginx.url, options.clients, expected);
  await phase();
  const end = await replicas[0].stop('SIGTERM');
  await phase();
  const two = await stopped.stop();
  console.log(
    `SIGTERM: ${two.whole} whole answers, ${two.cut} streams cut off, ${two.lost.length} lost`,
  );
  expect(end.code === 0, `end of the drained server: ${JSON.stringify(end)}`);
  expect(
    two.lost.length === 0 && two.cut === 0,
    two.lost.slice(0, 5).join('\n') || 'streams were cut off',
  );
  await replicas[1].stop();
  nginx.stop();
});
