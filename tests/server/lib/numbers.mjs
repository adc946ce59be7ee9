// Random numbers that can be repeated, and what is said about many numbers.

// Mulberry32: 32 bits of state, good enough to vary tests.
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  // In [0, n).
  int(n) {
    return Math.floor(this.next() * n);
  }

  pick(list) {
    return list[this.int(list.length)];
  }

  chance(probability) {
    return this.next() < probability;
  }
}

// The smallest value that the share `p` of all does not exceed.
export function percentile(values, p) {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}

export const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

// Of the line with the least squares through [x, y]...
export function slope(points) {
  const x = mean(points.map((p) => p[0]));
  const y = mean(points.map((p) => p[1]));
  let above = 0;
  let below = 0;
  for (const [px, py] of points) {
    above += (px - x) * (py - y);
    below += (px - x) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
