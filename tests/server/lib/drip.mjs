// A thread that keeps connections open by sending requests a byte at a time: workerData is {url,
// clients}. It is ended by terminate().
import net from 'node:net';
import { workerData } from 'node:worker_threads';

const kTick = 10; // milliseconds; every client gets a byte in half a second
const kShares = 50;

const { hostname, port, host } = new URL(workerData.url);
const text = `POST /v1/completions HTTP/1.1\r\nHost: ${host}\r\nX-Slow: ${'a'.repeat(4000)}`;
const sockets = [];

function open(i) {
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  socket.sent = 0;
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.once('close', () => setTimeout(open, 50, i)); // the server has had enough of it: again
  sockets[i] = socket;
}

for (let i = 0; i < workerData.clients; ++i) open(i);
let share = 0;
setInterval(() => {
  share = (share + 1) % kShares;
  for (let i = share; i < sockets.length; i += kShares) {
    const socket = sockets[i];
    if (!socket.connecting && !socket.destroyed) socket.write(text[socket.sent++ % text.length]);
  }
}, kTick);
