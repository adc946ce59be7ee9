// What the buttons do.
import { add, type Chat, find, type Message, newChat, remove } from './chat';
import { isChat } from './server';
import { drop, put, whenSaved } from './store';
import { stop, write, writings } from './writing';

// Asks, below the leaf or, for an edited question, beside the old one.
export function ask(chat: Chat, text: string, parent: string | null = chat.leaf): void {
  if (writings.value.has(chat.id)) return; // a question that nobody answers
  // A model without template may be told to just go on.
  if (text === '' && !isChat.value && chat.leaf) {
    write(chat, chat.leaf);
    return;
  }
  if (text.trim() === '') return;
  const asked = add(chat, { role: 'user', text }, parent);
  put(asked);
  if (asked.leaf) write(asked, asked.leaf);
}

export function editQuestion(chat: Chat, message: Message, text: string): void {
  ask(chat, text, message.parent);
}

export function regenerate(chat: Chat, answer: Message): void {
  if (!answer.parent) return;
  const failed = answer.error && answer.text === '';
  write(failed ? remove(chat, answer.id) : chat, answer.parent);
}

export function removeMessage(chat: Chat, id: string): void {
  if (find(chat, id)) put(remove(chat, id));
}

export function removeChat(id: string): void {
  stop(id);
  drop(id);
}

export async function importChats(list: Chat[]): Promise<void> {
  for (const chat of list) put({ ...newChat(), ...chat });
  await whenSaved(); // a page that is closed once it has said so has lost nothing
}
