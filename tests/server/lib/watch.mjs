// What a server is doing, by its own account (/metrics) and by the kernel's (/proc).
import { readdirSync, readFileSync } from 'node:fs';

import { get } from './connection.mjs';
import { pause } from './events.mjs';

// {"onebit_kv_blocks": 123, 'onebit_requests_finished_total{reason="stop"}': 4, ...}
export async function metrics(url, headers = {}) {
  const { status, body } = await get(url, '/metrics', headers);
  if (status !== 200) throw new Error(`/metrics: ${status} ${body}`);
  const values = {};
  for (const line of body.split('\n')) {
    const found = /^([^#\s{]+(?:\{.*\})?) (\S+)$/.exec(line);
    if (found) values[found[1]] = Number(found[2]);
  }
  return values;
}

// What requests hold: 0 of each when none is under way.
export const held = (m) => ({
  running: m.onebit_requests_running,
  waiting: m.onebit_requests_waiting,
  answers: m.onebit_answers,
  blocks: m.onebit_kv_blocks_used - m.onebit_kv_blocks_cached,
});

// Waits until nobody holds anything. Resolves to the milliseconds that it took; rejects after
// `limit` of them.
export async function untilIdle(url, limit = 10000, headers = {}) {
  const start = Date.now();
  for (;;) {
    const now = held(await metrics(url, headers));
    if (Object.values(now).every((value) => value === 0)) return Date.now() - start;
    if (Date.now() - start > limit) {
      throw new Error(`after ${limit} ms without a client: ${JSON.stringify(now)}`);
    }
    await pause(5);
  }
}

// Resident memory in KB.
export function memory(pid) {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
}

export const openFiles = (pid) => readdirSync(`/proc/${pid}/fd`).length;

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
