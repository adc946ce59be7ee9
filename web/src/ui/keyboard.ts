// Keys of the whole page; those of a field are with the field. Listed in other_dialogs.tsx.
import { current, newestFirst, openChat } from '../chats/store';
import { stop } from '../chats/writing';
import { openDialog } from './dialog';
import { beginNew, closeDrawer, isDrawerOpen } from './sidebar';

function focus(id: string): void {
  document.getElementById(id)?.focus();
}

function step(by: number): void {
  const list = newestFirst.value;
  const at = list.findIndex((c) => c.id === current.value.id);
  const next = list[at < 0 ? 0 : at + by];
  if (next) openChat(next.id);
}

// By the place of the key, as Alt types other letters on some systems.
const kAltKeys: Record<string, () => void> = {
  KeyN: beginNew,
  KeyK: () => {
    isDrawerOpen.value = true;
    requestAnimationFrame(() => focus('search'));
  },
  KeyS: () => (openDialog.value = 'settings'),
  KeyM: () => (openDialog.value = 'model'),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
};

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select');
}

export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (document.querySelector('dialog[open]')) return; // it has its own
    if (event.key === 'Escape') {
      if (isDrawerOpen.value) closeDrawer();
      else stop(current.value.id);
      return;
    }
    const { altKey, ctrlKey, metaKey, code, key } = event;
    if (ctrlKey || metaKey) return;
    if (altKey && kAltKeys[code]) {
      event.preventDefault();
      kAltKeys[code]();
    } else if (!altKey && !isTyping(event.target) && (key === '/' || key === '?')) {
      event.preventDefault();
      if (key === '/') focus('composer');
      else openDialog.value = 'shortcuts';
    }
  });
}
