// One HTTP/1.1 connection on a raw socket: what it costs and when it breaks is ours to see.
import net from 'node:net';

// Bytes to answers. Throws where an answer is malformed.
class AnswerReader {
  constructor(answer) {
    this.answer = answer; // {status, headers, onBytes}: filled and told
    this.left = Buffer.alloc(0);
    this.state = 'head';
    this.need = 0; // bytes of the body or chunk that are missing
  }

  // True: the answer is whole. What is behind it stays in `left`.
  push(bytes) {
    this.left = this.left.length === 0 ? bytes : Buffer.concat([this.left, bytes]);
    while (this.state !== 'done' && this.step()) continue;
    return this.state === 'done';
  }

  line() {
    const end = this.left.indexOf('\r\n');
    if (end < 0) return null;
    const text = this.left.toString('latin1', 0, end);
    this.left = this.left.subarray(end + 2);
    return text;
  }

  step() {
    if (this.state === 'head') return this.head();
    if (this.state === 'size') return this.size();
    if (this.state === 'trailer') {
      const text = this.line();
      if (text === '') this.state = 'done';
      return text !== null;
    }
    if (this.left.length === 0) return false;
    const taken = this.left.subarray(0, this.need);
    this.left = this.left.subarray(taken.length);
    this.need -= taken.length;
    this.answer.onBytes(taken);
    if (this.need > 0) return false;
    this.state = this.state === 'body' ? 'done' : 'size';
    this.isBetweenChunks = true;
    return true;
  }

  head() {
    const end = this.left.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [start, ...lines] = this.left.toString('latin1', 0, end).split('\r\n');
    this.left = this.left.subarray(end + 4);
    const status = /^HTTP\/1\.[01] (\d{3}) /.exec(start);
    if (!status) throw new Error(`malformed status line: ${start}`);
    this.answer.status = Number(status[1]);
    if (this.answer.status === 100) return true; // Continue: the answer is yet to come
    for (const line of lines) {
      const colon = line.indexOf(':');
      this.answer.headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    if (/chunked/i.test(this.answer.headers['transfer-encoding'] ?? '')) {
      this.state = 'size';
    } else if (this.answer.hasNoBody || this.answer.status === 204) {
      this.state = 'done';
    } else {
      const length = this.answer.headers['content-length'];
      this.need = length === undefined ? Infinity : Number(length);
      this.state = this.need === 0 ? 'done' : 'body';
    }
    this.answer.onHead?.(this.answer);
    return true;
  }

  size() {
    if (this.isBetweenChunks) {
      if (this.left.length < 2) return false;
      if (this.left[0] !== 13 || this.left[1] !== 10) throw new Error('a chunk without an end');
      this.left = this.left.subarray(2);
      this.isBetweenChunks = false;
    }
    const text = this.line();
    if (text === null) return false;
    if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`malformed chunk size: ${text}`);
    this.need = parseInt(text, 16);
    this.state = this.need === 0 ? 'trailer' : 'chunk';
    return true;
  }
}

export function requestText({ method = 'POST', path, headers = {}, body }, host) {
  const fields = { Host: host, ...headers };
  let bytes = Buffer.alloc(0);
  if (body !== undefined) {
    bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    fields['Content-Type'] ??= 'application/json';
    fields['Content-Length'] ??= bytes.length;
  }
  const head = Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), bytes]);
}

export class Connection {
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.host = `${hostname}:${port}`;
    this.socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    this.rest = Buffer.alloc(0);
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => this.close());
  }

  connected() {
    if (!this.socket.connecting) return Promise.resolve(this);
    return new Promise((resolve, reject) => {
      this.socket.once('connect', () => resolve(this));
      this.socket.once('error', reject);
    });
  }

  // Sends a request ({method, path, headers, body}, or bytes) and resolves to {status, headers,
  // body: text}. `onHead(answer)` and `onText(text)` are told while it comes; with onText the body
  // is not kept. Rejects where the connection ends too early.
  request(request, { onHead, onText } = {}) {
    return new Promise((resolve, reject) => {
      const answer = { headers: {}, onHead, hasNoBody: request.method === 'HEAD' };
      const parts = [];
      const decoder = new TextDecoder(); // a character may be cut by a chunk
      answer.onBytes = (bytes) => {
        if (onText) onText(decoder.decode(bytes, { stream: true }));
        else parts.push(Buffer.from(bytes));
      };
      const finish = () =>
        resolve({
          status: answer.status,
          headers: answer.headers,
          body: Buffer.concat(parts).toString(),
        });
      this.pending = { answer, reader: new AnswerReader(answer), finish, reject };
      if (this.socket.destroyed) return this.fail(new Error('the connection is closed'));
      this.socket.write(Buffer.isBuffer(request) ? request : requestText(request, this.host));
      if (this.rest.length > 0) this.take(Buffer.alloc(0));
    });
  }

  take(bytes) {
    if (!this.pending) {
      this.rest = Buffer.concat([this.rest, bytes]);
      return;
    }
    const { reader, finish } = this.pending;
    try {
      if (this.rest.length > 0) bytes = Buffer.concat([this.rest, bytes]);
      this.rest = Buffer.alloc(0);
      if (!reader.push(bytes)) return;
    } catch (error) {
      this.fail(error);
      return;
    }
    this.rest = Buffer.from(reader.left);
    this.pending = null;
    finish();
  }

  fail(error) {
    const pending = this.pending;
    this.pending = null;
    pending?.reject(error);
  }

  close() {
    // A body without a length ends with the connection.
    const pending = this.pending;
    if (pending?.reader.state === 'body' && pending.reader.need === Infinity) {
      this.pending = null;
      pending.finish();
    }
    this.fail(new Error('the connection was closed before the end of the answer'));
  }

  end() {
    this.socket.end();
    this.socket.destroy();
  }
}

// One request on a connection of its own.
export async function ask(url, request, listeners) {
  const connection = new Connection(url);
  try {
    return await connection.request(
      { ...request, headers: { Connection: 'close', ...request.headers } },
      listeners,
    );
  } finally {
    connection.end();
  }
}

export const post = (url, path, body, headers = {}) => ask(url, { path, body, headers });
export const get = (url, path, headers = {}) => ask(url, { method: 'GET', path, headers });
