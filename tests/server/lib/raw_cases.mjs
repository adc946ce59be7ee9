// Bytes that no careful client sends: [name, bytes, what may come], or a list of bytes that are sent
// one after the other. What may come is a status for each answer, in order, of alternatives with a
// bar between them, and at last "close" where the connection must end. HOST stands for the server's
// name.

const json = JSON.stringify({ prompt: 'a', max_tokens: 1 });
const bad = JSON.stringify({ prompt: 1 });

// A request of lines and a body. `fields` replace the usual ones; null leaves one out.
function text(start, fields = {}, body = '') {
  const all = { Host: 'HOST', 'Content-Type': 'application/json', ...fields };
  if (body && !('Content-Length' in all) && !('Transfer-Encoding' in all)) {
    all['Content-Length'] = Buffer.byteLength(body);
  }
  const lines = Object.entries(all).filter(([, v]) => v !== null)
    .flatMap(([name, v]) => (Array.isArray(v) ? v : [v]).map((one) => `${name}: ${one}\r\n`));
  return `${start}\r\n${lines.join('')}\r\n${body}`;
}
const ask = (fields, body) => text('POST /v1/completions HTTP/1.1', fields, body);
const health = text('GET /health HTTP/1.1');
const chunked = (body, fields = {}) => ask({ 'Transfer-Encoding': 'chunked', ...fields }, body);
const oneChunk = `${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`;

export const kCases = [
  ['plain', ask({}, json), '200'],
  ['chunked', chunked(oneChunk), '200'],
  ['chunked in small pieces', chunked([...json].map((c) => `1\r\n${c}\r\n`).join('') + '0\r\n\r\n'), '200'],
  ['chunk extension and trailer', chunked(`${json.length.toString(16)};a=b\r\n${json}\r\n0\r\nX: y\r\n\r\n`), '200'],
  ['empty lines first', `\r\n\r\n${health}`, '200'],
  ['HTTP/1.0', 'GET /health HTTP/1.0\r\nHost: HOST\r\n\r\n', '200 close'],

  // Where does the request end?
  ['CL and TE', chunked(oneChunk, { 'Content-Length': 5 }), '400 close'],
  ['TE and CL, smuggling', chunked(`0\r\n\r\n${health}`, { 'Content-Length': 4 }), '400 close'],
  ['two CL that differ', ask({ 'Content-Length': [5, 6] }, json), '400 close'],
  ['two CL that agree', ask({ 'Content-Length': [json.length, json.length] }, json), '400 close'],
  ['CL list', ask({ 'Content-Length': `${json.length}, ${json.length}` }, json), '400 close'],
  ['CL negative', ask({ 'Content-Length': -1 }, json), '400 close'],
  ['CL with a sign', ask({ 'Content-Length': `+${json.length}` }, json), '400 close'],
  ['CL in hex', ask({ 'Content-Length': '0x10' }, json), '400 close'],
  ['CL of 2^64 and more', ask({ 'Content-Length': '18446744073709551617' }, json), '400|413 close'],
  ['CL of 2^63', ask({ 'Content-Length': '9223372036854775808' }, json), '400|413 close'],
  ['CL of 5 GB', ask({ 'Content-Length': '5000000000' }, json), '413 close'],
  ['CL empty', ask({ 'Content-Length': '' }, json), '400 close'],
  ['CL with a space in front of the colon', ask({ 'Content-Length ': json.length, 'Content-Length': null }, json), '400 close'],
  ['TE of another kind', chunked(oneChunk, { 'Transfer-Encoding': 'gzip' }), '400|501 close'],
  ['TE gzip, chunked', chunked(oneChunk, { 'Transfer-Encoding': 'gzip, chunked' }), '400|501 close'],
  ['TE twice', chunked(oneChunk, { 'Transfer-Encoding': ['chunked', 'chunked'] }), '400|501 close'],
  ['TE xchunked', chunked(oneChunk, { 'Transfer-Encoding': 'xchunked' }), '400|501 close'],
  ['TE with a vertical tab', chunked(oneChunk, { 'Transfer-Encoding': '\x0bchunked' }), '400|501 close'],
  ['TE in HTTP/1.0', text('POST /v1/completions HTTP/1.0', { 'Transfer-Encoding': 'chunked' }, oneChunk), '400 close'],
  ['chunk size huge', chunked(`fffffffffffffffff\r\n${json}\r\n0\r\n\r\n`), '400|413 close'],
  ['chunk size of 2^63', chunked(`8000000000000000\r\n${json}\r\n0\r\n\r\n`), '400|413 close'],
  ['chunk size negative', chunked(`-5\r\n${json}\r\n0\r\n\r\n`), '400 close'],
  ['chunk size with 0x', chunked(`0x5\r\n${json}\r\n0\r\n\r\n`), '400 close'],
  ['chunk size empty', chunked(`\r\n${json}\r\n0\r\n\r\n`), '400 close'],
  ['chunk without its end', chunked(`3\r\n{}  \r\n0\r\n\r\n`), '400 close'],
  ['chunk extensions without end', chunked(`5;${'a'.repeat(100000)}`), '400|431 close'],
  ['trailers without end', chunked(`0\r\nX: ${'a'.repeat(100000)}`), '400|431 close'],

  // Heads
  ['no Host', text('GET /health HTTP/1.1', { Host: null }), '400|403 close'],
  ['two Hosts', text('GET /health HTTP/1.1', { Host: ['HOST', 'evil.example'] }), '400 close'],
  ['a foreign Host', text('GET /health HTTP/1.1', { Host: 'evil.example' }), '403'],
  ['a foreign Origin', text('GET /health HTTP/1.1', { Origin: 'http://evil.example' }), '403'],
  ['head of 100 KB', text('GET /health HTTP/1.1', { 'X-Long': 'a'.repeat(100000) }), '431 close'],
  ['10,000 fields', `GET /health HTTP/1.1\r\n${'a: b\r\n'.repeat(10000)}\r\n`, '431 close'],
  ['target of 100 KB', text(`GET /${'a'.repeat(100000)} HTTP/1.1`), '414|431 close'],
  ['folded field', 'GET /health HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n', '400 close'],
  ['bare LF', 'GET /health HTTP/1.1\nHost: HOST\n\n', '400 close'],
  ['bare CR', 'GET /health HTTP/1.1\r\nHost: HOST\r\nX: a\rb\r\n\r\n', '400 close'],
  ['NUL in a field', 'GET /health HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n', '400 close'],
  ['NUL in the target', 'GET /health\0 HTTP/1.1\r\nHost: HOST\r\n\r\n', '400 close'],
  ['no field name', 'GET /health HTTP/1.1\r\nHost: HOST\r\n: a\r\n\r\n', '400 close'],
  ['no colon', 'GET /health HTTP/1.1\r\nHost: HOST\r\nabc\r\n\r\n', '400 close'],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400|505 close'],
  ['HTTP/9.9', text('GET /health HTTP/9.9'), '400|505 close'],
  ['no version', 'GET /health\r\n\r\n', '400 close'],
  ['TLS', Buffer.from('16030100c8010000c40303', 'hex'), '400 close'],
  ['bytes of all values', Buffer.from(Array.from({ length: 256 }, (_, i) => i)), '400 close'],

  // Methods and targets
  ['HEAD', text('HEAD /health HTTP/1.1'), '200'],
  ['DELETE of a route', text('DELETE /health HTTP/1.1'), '405'],
  ['GET of a POST', text('GET /v1/completions HTTP/1.1'), '405'],
  ['TRACE', text('TRACE /health HTTP/1.1'), '405|501'],
  ['CONNECT', text('CONNECT evil.example:443 HTTP/1.1'), '400|404|405|501'],
  ['unknown method', text('FROBNICATE /health HTTP/1.1'), '400|405|501'],
  ['absolute target', text('GET http://evil.example/health HTTP/1.1'), '200|400|403|404'],
  ['asterisk', text('OPTIONS * HTTP/1.1'), '200|204|400|404|405'],
  ['no such route', text('GET /nothing HTTP/1.1'), '404'],

  // Bodies
  ['no body', ask({}, ''), '400|411'],
  ['body of no JSON', ask({}, '{'), '400'],
  ['body of 5 MB', ask({}, Buffer.alloc(5 << 20, 'a').toString()), '413 close'],
  ['100,000 levels', ask({}, '['.repeat(100000)), '400'],
  ['not UTF-8', ask({ 'Content-Length': 15 }, '{"prompt": "\xff"}'), '400'],
  ['Expect', [ask({ Expect: '100-continue', 'Content-Length': json.length }), json], '100 200'],
  ['Expect, body too large', ask({ Expect: '100-continue', 'Content-Length': '5000000000' }), '413 close'],
  ['Expect of something else', ask({ Expect: '200-ok' }, json), '200|417'],

  // One connection, many requests
  ['pipelining', health + ask({}, json) + health, '200 200 200'],
  ['100 requests at once', health.repeat(100), '200 '.repeat(100).trim()],
  ['a good one behind a bad one', ask({}, bad) + health, '400 200'],
  ['a request behind Connection: close', text('GET /health HTTP/1.1', { Connection: 'close' }) + health, '200 close'],
];
