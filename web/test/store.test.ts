// Two tabs, each with a store of its own, over one database.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { add, type Chat, change, newChat, path, remove } from '../src/chats/chat';

const database = new Map<string, Chat>();
let isBroken = false;
const tick = async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (isBroken) throw new Error('disk');
};

vi.mock('../src/chats/database', () => ({
  StorageFull: class extends Error {},
  loadChats: async () => (await tick(), structuredClone([...database.values()])),
  loadChat: async (id: string) => (await tick(), structuredClone(database.get(id))),
  deleteChat: async (id: string) => (await tick(), database.delete(id)),
  updateChat: async (id: string, with_: (stored?: Chat) => Chat | undefined) => {
    await tick();
    const changed = with_(structuredClone(database.get(id)));
    if (changed) database.set(id, structuredClone(changed));
    return changed;
  },
}));

// Reaches the other tabs, as a BroadcastChannel does.
const channels = new Set<EventTarget>();
class Channel extends EventTarget {
  constructor() {
    super();
    channels.add(this);
  }
  postMessage(data: string) {
    const event = () => Object.assign(new Event('message'), { data });
    for (const other of channels) if (other !== this) setTimeout(() => other.dispatchEvent(event()));
  }
}

async function openTab() {
  vi.resetModules();
  const tab = await import('../src/chats/store');
  await tab.loadAll();
  tab.followOtherTabs();
  return tab;
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 100));
const texts = (chat?: Chat) => chat?.messages.map((m) => m.text).sort();
const question = add(newChat('', 1), { id: 'q1', role: 'user', text: 'q1' });

beforeEach(() => {
  database.clear();
  channels.clear();
  isBroken = false;
  vi.stubGlobal('BroadcastChannel', Channel);
  vi.stubGlobal('location', { hash: '', pathname: '/', search: '' });
  vi.stubGlobal('history', { replaceState() {} });
});

async function twoTabs() {
  database.set(question.id, structuredClone(question));
  const a = await openTab();
  const b = await openTab();
  return { a, b, id: question.id, inA: () => a.get(question.id)!, inB: () => b.get(question.id)! };
}

describe('two tabs', () => {
  it('lose nothing of what both write at once', async () => {
    const { a, b, id, inA, inB } = await twoTabs();
    a.put(add(inA(), { id: 'a1', role: 'assistant', text: '' }));
    b.put(add(inB(), { id: 'b1', role: 'user', text: 'b1' }));
    for (const text of ['o', 'on', 'one']) {
      a.put(change(inA(), 'a1', { text }));
      await new Promise((resolve) => setTimeout(resolve, 2));
      b.put({ ...inB(), title: `t ${text}` });
    }
    await settled();
    expect(texts(database.get(id))).toEqual(['b1', 'one', 'q1']);
    expect(database.get(id)?.title).toBe('t one');
    expect(inA()).toEqual(database.get(id));
    expect(inB()).toEqual(database.get(id));
  });
  it('remove what either removes, with what the other added below', async () => {
    const { a, b, id, inA, inB } = await twoTabs();
    a.put(add(inA(), { id: 'a1', role: 'assistant', text: 'a1' }));
    await settled();
    b.put(add(inB(), { id: 'q2', role: 'user', text: 'q2' }, 'a1'));
    b.put(add(inB(), { id: 'a2', role: 'assistant', text: 'a2' }, 'q1'));
    a.put(remove(inA(), 'a1'));
    await settled();
    expect(texts(database.get(id))).toEqual(['a2', 'q1']);
    expect(path(inA()).map((m) => m.id)).toEqual(['q1', 'a2']);
    expect(inB()).toEqual(inA());
  });
  it('do not bring back what was removed while it was being saved', async () => {
    const { a, b, id, inA, inB } = await twoTabs();
    a.put(add(inA(), { id: 'a1', role: 'assistant', text: 'a1' }));
    a.put(remove(inA(), 'a1'));
    await settled();
    expect(texts(database.get(id))).toEqual(['q1']);
    a.put({ ...inA(), title: 'x' });
    a.drop(id);
    b.put(add(inB(), { id: 'b1', role: 'user', text: 'b1' }));
    await settled();
    expect(database.size).toBe(0);
    expect([...a.chats.value, ...b.chats.value]).toEqual([]);
  });
});

it('what could not be saved is saved with the next', async () => {
  const { a, id, inA } = await twoTabs();
  isBroken = true;
  a.put(add(inA(), { id: 'a1', role: 'assistant', text: 'a1' }));
  await settled();
  expect(texts(inA())).toEqual(['a1', 'q1']);
  isBroken = false;
  a.put(newChat());
  a.put(add(newChat(), { role: 'user', text: 'other' }));
  await settled();
  expect(texts(database.get(id))).toEqual(['a1', 'q1']);
});
