import { describe, expect, it } from 'vitest';
import type { Message } from '../src/chats/chat';
import { askFor, kFields, readField, splitThinking } from '../src/chats/request';

const message = (role: Message['role'], text: string): Message => ({ id: text, parent: null, role, text, created: 0 });
const messages = [message('user', 'a'), message('assistant', 'b'), message('user', 'c')];

describe('askFor', () => {
  it('asks a chat, with what the user set and nothing else', () => {
    const { path, body } = askFor({ id: 'm', isChat: true }, ' short ', messages, { temperature: 0 });
    expect(path).toBe('v1/chat/completions');
    expect(body).toEqual({
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      messages: [
        { role: 'system', content: ' short ' },
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: 'c' },
      ],
    });
  });
  it('has no system message without a system prompt, and no empty answers', () => {
    const { body } = askFor({ id: 'm', isChat: true }, ' ', [message('user', 'a'), message('assistant', '')], {});
    expect(body).toMatchObject({ messages: [{ role: 'user', content: 'a' }] });
  });
  it('continues the whole text where there is no template', () => {
    const { path, body } = askFor({ id: 'm', isChat: false }, 'short', messages, {});
    expect(path).toBe('v1/completions');
    expect(body).toMatchObject({ prompt: 'abc', max_tokens: 256 });
    expect(askFor({ id: 'm', isChat: false }, '', messages, { max_tokens: 9 }).body).toMatchObject({ max_tokens: 9 });
    expect(askFor({ id: 'm', isChat: false }, '', messages, {}, 7).body).toMatchObject({ max_tokens: 7 });
  });
});

describe('readField', () => {
  const [temperature, , topK] = kFields;
  it('takes numbers within bounds and leaves empty ones to the server', () => {
    expect(readField(temperature!, '')).toBeUndefined();
    expect(readField(temperature!, ' 0.7 ')).toBe(0.7);
    expect(readField(topK!, '40')).toBe(40);
  });
  it('says what it wants', () => {
    for (const typed of ['x', '3', '-1', 'NaN', 'Infinity']) {
      expect(readField(temperature!, typed)).toBe('Temperature: a number from 0 to 2');
    }
    expect(readField(topK!, '1.5')).toBe('Top k: a whole number from 0 to 1000');
  });
});

describe('splitThinking', () => {
  it('takes apart what stands between the tags, as it comes', () => {
    expect(splitThinking('a <think>b</think>')).toEqual({ thinking: '', text: 'a <think>b</think>' });
    expect(splitThinking('<think>\nb')).toEqual({ thinking: '\nb', text: '' });
    expect(splitThinking('<think>b</think>\n\nc')).toEqual({ thinking: 'b', text: 'c' });
  });
});
