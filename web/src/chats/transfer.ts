// Conversations out of the browser and back.
import { type Chat, type Message, newId, path, titleOf } from './chat';

const kFormat = 'onebit-chats';

export function toJson(chats: Chat[]): string {
  return `${JSON.stringify({ format: kFormat, version: 1, chats }, null, 2)}\n`;
}

// The path that is shown, for people.
export function toMarkdown(chat: Chat): string {
  const parts = [`# ${titleOf(chat)}`];
  if (chat.system) parts.push(`**System prompt**\n\n${chat.system}`);
  for (const m of path(chat)) {
    parts.push(`**${m.role === 'user' ? 'You' : 'Assistant'}**\n\n${m.text.trim()}`);
  }
  return `${parts.join('\n\n')}\n`;
}

export function fileName(chat: Chat, extension: string): string {
  const name = titleOf(chat)
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return `${name || 'conversation'}.${extension}`;
}

type Fields = Record<string, unknown>;

function fail(where: string, expected: string): never {
  throw new Error(`${where}: expected ${expected}`);
}
function object(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(where, 'an object');
  return value as Fields;
}
function array(value: unknown, where: string): unknown[] {
  return Array.isArray(value) ? value : fail(where, 'an array');
}
function text(value: unknown, where: string): string {
  return typeof value === 'string' ? value : fail(where, 'a string');
}
function time(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : Date.now();
}
function numbers<T>(value: unknown): T | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const all = Object.entries(value).filter(([, v]) => typeof v === 'number' && Number.isFinite(v));
  return Object.fromEntries(all) as T;
}

function readMessage(value: unknown, where: string, earlier: Set<string>): Message {
  const m = object(value, where);
  const id = text(m.id, `${where}.id`);
  if (earlier.has(id)) fail(`${where}.id`, 'an id that no message before has');
  const role = m.role;
  if (role !== 'user' && role !== 'assistant') fail(`${where}.role`, 'user or assistant');
  const parent = m.parent === null ? null : text(m.parent, `${where}.parent`);
  if (parent !== null && !earlier.has(parent)) fail(`${where}.parent`, 'the id of a message before');
  earlier.add(id);
  const message: Message = {
    id,
    parent,
    role,
    text: text(m.text, `${where}.text`),
    created: time(m.created),
  };
  if (typeof m.thinking === 'string') message.thinking = m.thinking;
  if (typeof m.finish === 'string') message.finish = m.finish;
  if (typeof m.error === 'string') message.error = m.error;
  const usage = numbers<Message['usage']>(m.usage);
  if (usage) message.usage = usage;
  const timings = numbers<Message['timings']>(m.timings);
  if (timings) message.timings = timings;
  return message;
}

function readChat(value: unknown, where: string): Chat {
  const c = object(value, where);
  const ids = new Set<string>();
  const messages = array(c.messages, `${where}.messages`).map((m, i) =>
    readMessage(m, `${where}.messages[${i}]`, ids),
  );
  const leaf = typeof c.leaf === 'string' && ids.has(c.leaf) ? c.leaf : (messages.at(-1)?.id ?? null);
  return {
    id: newId(), // an import adds, it never overwrites
    title: text(c.title, `${where}.title`).slice(0, 200),
    system: text(c.system, `${where}.system`),
    created: time(c.created),
    updated: time(c.updated),
    messages,
    leaf,
  };
}

// Throws an Error whose message names the field.
export function fromJson(json: string): Chat[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    fail('file', 'JSON');
  }
  const file = object(value, 'file');
  if (file.format !== kFormat) fail('format', `"${kFormat}"`);
  if (file.version !== 1) fail('version', '1');
  return array(file.chats, 'chats').map((c, i) => readChat(c, `chats[${i}]`));
}
