// Lines above the conversation for what concerns the whole page.
import { signal } from '@preact/signals';

export interface Notice {
  topic: string; // one notice a topic
  text: string;
}

export const notices = signal<Notice[]>([]);

export function say(topic: string, text: string): void {
  notices.value = [...notices.value.filter((n) => n.topic !== topic), { topic, text }];
}

export function unsay(topic: string): void {
  if (notices.value.some((n) => n.topic === topic)) {
    notices.value = notices.value.filter((n) => n.topic !== topic);
  }
}

// What a screen reader says aloud, once (#announcer in app.tsx).
export const announcement = signal('');
