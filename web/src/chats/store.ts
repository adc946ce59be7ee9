// The conversations that the page knows, as signals, and their way to disk and to other tabs.
import { computed, signal } from '@preact/signals';
import { say, unsay } from '../ui/notices';
import { type Chat, newChat } from './chat';
import * as database from './database';
import { merge } from './merge';
import { settings } from './settings';

export const chats = signal<Chat[]>([]);
export const currentId = signal('');
// The one that is open: an empty one is in no list and on no disk until something is asked.
const draft = signal<Chat>(newChat());

export const current = computed<Chat>(
  () => chats.value.find((c) => c.id === currentId.value) ?? draft.value,
);

export const newestFirst = computed(() => [...chats.value].sort((a, b) => b.updated - a.updated));

const others = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('onebit');
let works = true; // the database
// What the database held when this tab last looked: it tells what is new here and there.
const seen = new Map<string, Chat>();

function report(error: unknown): void {
  if (error instanceof database.StorageFull) {
    say('storage', 'The browser has no room left: delete conversations, or export them first.');
  } else if (works) {
    works = false;
    say('storage', 'The browser keeps no data for this page: conversations end with this tab.');
  }
}

export async function loadAll(): Promise<void> {
  try {
    chats.value = await database.loadChats();
    for (const chat of chats.value) seen.set(chat.id, chat);
  } catch (error) {
    report(error);
  }
  const wanted = location.hash.slice(1);
  if (chats.value.some((c) => c.id === wanted)) currentId.value = wanted;
  else startNew();
}

function known(id: string): Chat | undefined {
  return chats.value.find((c) => c.id === id);
}

export function get(id: string): Chat | undefined {
  return known(id) ?? (draft.value.id === id ? draft.value : undefined);
}

function show(chat: Chat): void {
  chats.value = known(chat.id) ? chats.value.map((c) => (c.id === chat.id ? chat : c)) : [...chats.value, chat];
}

function hide(id: string): void {
  chats.value = chats.value.filter((c) => c.id !== id);
  if (currentId.value === id) startNew();
}

export function put(chat: Chat): void {
  if (chat.messages.length === 0 && chat.id === draft.value.id && !get(chat.id)?.messages.length) {
    draft.value = chat; // a system prompt before the first question
    return;
  }
  show(chat);
  if (chat.id === currentId.value) openChat(chat.id);
  save(chat.id);
}

export function drop(id: string): void {
  hide(id);
  save(id);
}

const unsaved = new Set<string>();
let saving: Promise<void> | undefined;

function save(id: string): void {
  unsaved.add(id);
  saving ??= saveAll();
}

// When all that was put and dropped is saved, or could not be.
export function whenSaved(): Promise<void> {
  return saving ?? Promise.resolve();
}

// One after the other, as each begins with what the one before has left. What could not be saved is
// tried again with the next.
async function saveAll(): Promise<void> {
  const failed: string[] = [];
  for (const next of unsaved) {
    unsaved.delete(next); // before: it may change again meanwhile, and then comes again
    await meet(next).catch((error) => {
      failed.push(next);
      report(error);
    });
  }
  for (const next of failed) unsaved.add(next);
  saving = undefined;
  if (failed.length > 0) return;
  works = true;
  unsay('storage');
}

// What this tab and what others did to a conversation, since they last met, come together.
async function meet(id: string): Promise<void> {
  const mine = known(id);
  const base = seen.get(id);
  if (mine === base) return take(id, mine, await database.loadChat(id));
  if (mine) take(id, mine, await database.updateChat(id, (theirs) => merge(base, mine, theirs)));
  else await database.deleteChat(id).then(() => seen.delete(id));
  others?.postMessage(id);
}

// `stored`: what the database holds now, and of this tab `base` is in it.
function take(id: string, base: Chat | undefined, stored: Chat | undefined): void {
  const mine = known(id);
  if (stored) seen.set(id, stored);
  else seen.delete(id);
  if (base && !mine) return; // dropped while the database was at work
  const merged = merge(base, mine, stored);
  if (merged) show(merged);
  else if (mine) hide(id);
}

export function openChat(id: string): void {
  currentId.value = id;
  history.replaceState(null, '', `#${id}`);
}

export function startNew(): void {
  draft.value = newChat(settings.value.system);
  currentId.value = draft.value.id;
  history.replaceState(null, '', location.pathname + location.search);
}

// Another tab has changed one.
export function followOtherTabs(): void {
  others?.addEventListener('message', ({ data: id }: MessageEvent<string>) => save(id));
}
