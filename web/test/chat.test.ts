import { describe, expect, it } from 'vitest';
import { add, type Chat, change, find, matches, newChat, path, remove, select, siblings, titleOf } from '../src/chats/chat';
import { fileName, fromJson, toJson, toMarkdown } from '../src/chats/transfer';

// q1 - a1 - q2 - a2
//    \ b1
function tree(): Chat {
  let chat = newChat('be short', 1);
  for (const [id, role, parent] of [
    ['q1', 'user', null],
    ['a1', 'assistant', 'q1'],
    ['q2', 'user', 'a1'],
    ['a2', 'assistant', 'q2'],
    ['b1', 'assistant', 'q1'],
  ] as const) {
    chat = add(chat, { id, role, text: `text of ${id}` }, parent, 2);
  }
  return chat;
}
const ids = (chat: Chat) => path(chat).map((m) => m.id);

describe('a conversation', () => {
  it('shows the path to its leaf', () => {
    expect(ids(newChat())).toEqual([]);
    expect(ids(tree())).toEqual(['q1', 'b1']);
  });
  it('keeps versions beside each other, and selects to the end of each', () => {
    const chat = tree();
    expect(siblings(chat, find(chat, 'b1')!).map((m) => m.id)).toEqual(['a1', 'b1']);
    expect(ids(select(chat, 'a1'))).toEqual(['q1', 'a1', 'q2', 'a2']);
  });
  it('removes what follows too, and falls back to a version beside it', () => {
    expect(ids(remove(tree(), 'b1'))).toEqual(['q1', 'a1', 'q2', 'a2']);
    const without = remove(select(tree(), 'a1'), 'q2');
    expect(ids(without)).toEqual(['q1', 'a1']);
    expect(find(without, 'a2')).toBeUndefined();
    expect(remove(tree(), 'q1')).toMatchObject({ messages: [], leaf: null });
    expect(ids(remove(tree(), 'a1'))).toEqual(['q1', 'b1']);
    expect(remove(tree(), 'none').messages).toHaveLength(5);
  });
  it('never changes in place', () => {
    const chat = Object.freeze(tree());
    chat.messages.forEach(Object.freeze);
    Object.freeze(chat.messages);
    expect(find(change(chat, 'a1', { text: 'new' }), 'a1')?.text).toBe('new');
    expect(find(chat, 'a1')?.text).toBe('text of a1');
  });
  it('is called as its first question', () => {
    expect(titleOf(newChat())).toBe('New conversation');
    expect(titleOf(tree())).toBe('text of q1');
    expect(titleOf({ ...tree(), title: 'Mine' })).toBe('Mine');
    const long = add(newChat(), { role: 'user', text: `${'😀'.repeat(80)}\nx` });
    expect(titleOf(long)).toBe(`${'😀'.repeat(59)}…`);
    expect(matches(tree(), 'OF  text')).toBe(true);
    expect(matches(tree(), 'text other')).toBe(false);
    expect(matches(tree(), '')).toBe(true);
  });
});

describe('export and import', () => {
  it('keeps everything but the id', () => {
    const chat = change(tree(), 'a1', { thinking: 't', finish: 'stop', usage: { prompt_tokens: 1, completion_tokens: 2 } }, 3);
    const [read] = fromJson(toJson([chat]));
    expect(read?.id).not.toBe(chat.id);
    expect({ ...read, id: chat.id }).toEqual(chat);
  });
  it('writes the path as Markdown', () => {
    expect(toMarkdown(tree())).toBe(
      '# text of q1\n\n**System prompt**\n\nbe short\n\n**You**\n\ntext of q1\n\n**Assistant**\n\ntext of b1\n',
    );
    expect(fileName({ ...tree(), title: '../../étc passwd?' }, 'md')).toBe('étc-passwd.md');
    expect(fileName({ ...tree(), title: '???' }, 'md')).toBe('conversation.md');
  });
  it('names what is wrong in a file', () => {
    const file = (messages: unknown) =>
      JSON.stringify({ format: 'onebit-chats', version: 1, chats: [{ title: '', system: '', messages }] });
    const m = { id: 'a', parent: null, role: 'user', text: 'x' };
    expect(fromJson(file([m]))).toHaveLength(1);
    expect(() => fromJson('{')).toThrow('file: expected JSON');
    expect(() => fromJson('[]')).toThrow('file: expected an object');
    expect(() => fromJson('{"format":"x"}')).toThrow('format');
    expect(() => fromJson(file({}))).toThrow('chats[0].messages: expected an array');
    expect(() => fromJson(file([m, m]))).toThrow('chats[0].messages[1].id');
    expect(() => fromJson(file([{ ...m, parent: 'later' }]))).toThrow('chats[0].messages[0].parent');
    expect(() => fromJson(file([{ ...m, role: 'system' }]))).toThrow('chats[0].messages[0].role');
    expect(() => fromJson(file([{ ...m, text: 1 }]))).toThrow('chats[0].messages[0].text');
  });
});
