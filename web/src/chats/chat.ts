// A conversation: a tree of messages, of which one path is shown. Editing a question or asking again
// adds a branch beside the old one, so nothing that was written is lost. All functions are pure.
import type { Timings, Usage } from '../api/answer';

export type Role = 'user' | 'assistant';

export interface Message {
  id: string;
  parent: string | null;
  role: Role;
  text: string;
  thinking?: string;
  created: number; // ms since 1970
  finish?: string; // stop, length, stopped (by the user), error
  error?: string;
  usage?: Usage;
  timings?: Timings;
}

export interface Chat {
  id: string;
  title: string; // '': the beginning of the first message
  system: string;
  created: number;
  updated: number;
  messages: Message[]; // a parent lies before its children
  leaf: string | null; // the end of the path that is shown
}

export function newId(): string {
  // crypto.randomUUID exists on secure origins only, and the server may be http://192.168...
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export function newChat(system = '', now = Date.now()): Chat {
  return { id: newId(), title: '', system, created: now, updated: now, messages: [], leaf: null };
}

export function find(chat: Chat, id: string | null): Message | undefined {
  return chat.messages.find((m) => m.id === id);
}

// From the first message to the leaf.
export function path(chat: Chat, leaf: string | null = chat.leaf): Message[] {
  const byId = new Map(chat.messages.map((m) => [m.id, m]));
  const result: Message[] = [];
  for (let m = leaf ? byId.get(leaf) : undefined; m; m = m.parent ? byId.get(m.parent) : undefined) {
    result.push(m);
  }
  return result.reverse();
}

export function siblings(chat: Chat, message: Message): Message[] {
  return chat.messages.filter((m) => m.parent === message.parent && m.role === message.role);
}

// The newest end below a message.
function endBelow(chat: Chat, id: string): string {
  let end = id;
  for (;;) {
    const child = chat.messages.findLast((m) => m.parent === end);
    if (!child) return end;
    end = child.id;
  }
}

export function select(chat: Chat, id: string): Chat {
  return { ...chat, leaf: endBelow(chat, id) };
}

export function add(
  chat: Chat,
  message: Pick<Message, 'role' | 'text'> & Partial<Message>,
  parent: string | null = chat.leaf,
  now = Date.now(),
): Chat {
  const added: Message = { id: newId(), created: now, ...message, parent };
  return { ...chat, messages: [...chat.messages, added], leaf: added.id, updated: now };
}

export function change(chat: Chat, id: string, with_: Partial<Message>, now = Date.now()): Chat {
  const messages = chat.messages.map((m) => (m.id === id ? { ...m, ...with_ } : m));
  return { ...chat, messages, updated: now };
}

// Without the message and all that follows from it. A sibling is shown instead, if there is one.
export function remove(chat: Chat, id: string, now = Date.now()): Chat {
  const gone = find(chat, id);
  if (!gone) return chat;
  const lost = new Set([id]);
  for (const m of chat.messages) if (m.parent && lost.has(m.parent)) lost.add(m.id);
  const rest = { ...chat, messages: chat.messages.filter((m) => !lost.has(m.id)), updated: now };
  if (!chat.leaf || !lost.has(chat.leaf)) return rest;
  const sibling = siblings(rest, gone).at(-1);
  return { ...rest, leaf: sibling ? endBelow(rest, sibling.id) : gone.parent };
}

export function titleOf(chat: Chat): string {
  if (chat.title) return chat.title;
  const first = chat.messages.find((m) => m.role === 'user')?.text.trim() ?? '';
  const line = first.split('\n', 1)[0] ?? '';
  if (!line) return 'New conversation';
  const letters = Array.from(line.slice(0, 200)); // an emoji is not cut in half
  return letters.length > 60 ? `${letters.slice(0, 59).join('')}…` : letters.join('');
}

export function matches(chat: Chat, query: string): boolean {
  const title = titleOf(chat).toLocaleLowerCase();
  return query.toLocaleLowerCase().split(/\s+/).every((word) => title.includes(word));
}
