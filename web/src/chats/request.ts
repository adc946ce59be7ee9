// From a conversation to what the server is asked.
import type { Message } from './chat';

// Absent: the server's default. The names are those of the API.
export interface Sampling {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repetition_penalty?: number;
  max_tokens?: number;
  seed?: number;
}

export interface Field {
  name: keyof Sampling;
  label: string;
  help: string;
  min: number;
  max: number;
  step: number;
}

export const kFields: Field[] = [
  { name: 'temperature', label: 'Temperature', help: '0: always the likeliest token', min: 0, max: 2, step: 0.05 },
  { name: 'top_p', label: 'Top p', help: 'Likeliest tokens up to this probability', min: 0, max: 1, step: 0.01 },
  { name: 'top_k', label: 'Top k', help: 'Likeliest tokens, as many; 0: all', min: 0, max: 1000, step: 1 },
  { name: 'min_p', label: 'Min p', help: 'At least this share of the likeliest', min: 0, max: 1, step: 0.01 },
  { name: 'repetition_penalty', label: 'Repetition penalty', help: '1: off', min: 0.5, max: 2, step: 0.01 },
  { name: 'max_tokens', label: 'Most tokens', help: 'Length of an answer', min: 1, max: 1048576, step: 1 },
  { name: 'seed', label: 'Seed', help: 'The same seed, the same answer', min: 0, max: 2147483647, step: 1 },
];

// What a field of the form says: undefined if it is empty, an Error's message if it is wrong.
export function readField(field: Field, typed: string): number | undefined | string {
  if (typed.trim() === '') return undefined;
  const value = Number(typed);
  const whole = field.step === 1;
  if (!Number.isFinite(value) || value < field.min || value > field.max || (whole && value % 1)) {
    return `${field.label}: ${whole ? 'a whole number' : 'a number'} from ${field.min} to ${field.max}`;
  }
  return value;
}

export interface Ask {
  path: 'v1/chat/completions' | 'v1/completions';
  body: object;
}

// The API's default of 16 tokens is for programs.
const kContinuation = 256;

// What a model without a chat template continues.
export function textOf(messages: Message[]): string {
  return messages.map((m) => m.text).join('');
}

// `messages`: the path up to where the answer begins. `room`: tokens that the context has left for a
// continuation; an answer of a chat takes what there is by itself.
export function askFor(
  model: { id: string; isChat: boolean },
  system: string,
  messages: Message[],
  sampling: Sampling,
  room = Infinity,
): Ask {
  const common = {
    model: model.id,
    stream: true,
    stream_options: { include_usage: true },
    ...sampling,
  };
  if (!model.isChat) {
    const max_tokens = Math.min(sampling.max_tokens ?? kContinuation, room);
    return { path: 'v1/completions', body: { ...common, max_tokens, prompt: textOf(messages) } };
  }
  const turns = messages
    .filter((m) => m.role === 'user' || m.text !== '')
    .map((m) => ({ role: m.role as string, content: m.text }));
  if (system.trim()) turns.unshift({ role: 'system', content: system });
  return { path: 'v1/chat/completions', body: { ...common, messages: turns } };
}

// Models that think aloud begin with <think>. What is between the tags is shown apart, and is not
// sent again.
export function splitThinking(text: string): { thinking: string; text: string } {
  const open = /^\s*<think>/.exec(text);
  if (!open) return { thinking: '', text };
  const end = text.indexOf('</think>');
  if (end < 0) return { thinking: text.slice(open[0].length), text: '' };
  return {
    thinking: text.slice(open[0].length, end),
    text: text.slice(end + '</think>'.length).replace(/^\s+/, ''),
  };
}
