// The conversations that the page knows, as signals, and their way to disk and to other tabs.
import { computed, signal } from '@preact/signals';
import { say } from '../ui/notices';
import { type Chat, newChat } from './chat';
import * as database from './database';
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
  } catch (error) {
    report(error);
  }
  const wanted = location.hash.slice(1);
  if (chats.value.some((c) => c.id === wanted)) currentId.value = wanted;
  else startNew();
}

export function get(id: string): Chat | undefined {
  return chats.value.find((c) => c.id === id) ?? (draft.value.id === id ? draft.value : undefined);
}

function show(chat: Chat): void {
  const known = chats.value.some((c) => c.id === chat.id);
  chats.value = known ? chats.value.map((c) => (c.id === chat.id ? chat : c)) : [...chats.value, chat];
}

export function put(chat: Chat): void {
  if (chat.messages.length === 0 && chat.id === draft.value.id && !get(chat.id)?.messages.length) {
    draft.value = chat; // a system prompt before the first question
    return;
  }
  show(chat);
  if (chat.id === currentId.value) openChat(chat.id);
  database.saveChat(chat).then(() => others?.postMessage(chat.id), report);
}

export function drop(id: string): void {
  chats.value = chats.value.filter((c) => c.id !== id);
  database.deleteChat(id).then(() => others?.postMessage(id), report);
  if (currentId.value === id) startNew();
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
export function followOtherTabs(isBusy: (id: string) => boolean): void {
  others?.addEventListener('message', async ({ data: id }: MessageEvent<string>) => {
    if (isBusy(id)) return; // what is being written here is newer
    const chat = await database.loadChat(id).catch(() => undefined);
    if (chat) show(chat);
    else chats.value = chats.value.filter((c) => c.id !== id);
  });
}
