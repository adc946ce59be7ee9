// Answers that are being written. Each conversation has at most one.
import { signal } from '@preact/signals';
import type { Timings, Usage } from '../api/answer';
import { countTokens, stream } from '../api/client';
import { ApiError, apiError } from '../api/errors';
import { announcement } from '../ui/notices';
import { add, change, type Chat, find, type Message, path } from './chat';
import { askFor, splitThinking, textOf } from './request';
import { context, isChat, model, note } from './server';
import { settings } from './settings';
import { get, put } from './store';

export interface Writing {
  chatId: string;
  messageId: string;
  text: string; // with its <think>, as it comes
  thinking: string; // of servers that send it apart
  pieces: number;
  started: number; // ms
  first: number; // ms; 0: nothing came yet
  retryAt: number; // ms since 1970; 0: not waiting
  waitsFor: string;
  abort: AbortController;
}

export const writings = signal<ReadonlyMap<string, Writing>>(new Map());

function publish(w: Writing): void {
  writings.value = new Map(writings.value).set(w.chatId, { ...w });
}
function unpublish(chatId: string): void {
  const rest = new Map(writings.value);
  rest.delete(chatId);
  writings.value = rest;
}

const kMostRetries = 5;
const kTooLong = 'context_length_exceeded';
const kSaveEvery = 2000; // ms: what a crash of the browser may cost

const nextFrame = () =>
  new Promise<void>((resolve) => {
    // A hidden tab has no frames, but its answer goes on.
    const timer = setTimeout(resolve, 250);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

export function stop(chatId: string): void {
  writings.value.get(chatId)?.abort.abort();
}

// Writes an answer to the message `parent` (of a model without template: what follows it).
export async function write(chat: Chat, parent: string): Promise<void> {
  if (writings.value.has(chat.id)) return;
  const asked = add(chat, { role: 'assistant', text: '' }, parent);
  put(asked);
  const w: Writing = {
    chatId: chat.id,
    messageId: asked.leaf ?? '',
    text: '',
    thinking: '',
    pieces: 0,
    started: performance.now(),
    first: 0,
    retryAt: 0,
    waitsFor: '',
    abort: new AbortController(),
  };
  publish(w);
  announcement.value = 'Answering';
  let end: Partial<Message>;
  try {
    end = await receive(w, asked, path(asked, parent));
  } catch (error) {
    end = endOfError(error, w.abort.signal.aborted);
  }
  finish(w, end);
}

interface End {
  finish?: string;
  usage?: Usage;
  timings?: Timings;
}

async function receive(w: Writing, chat: Chat, messages: Message[]): Promise<End> {
  const asking = { id: model.value?.id ?? 'default', isChat: isChat.value };
  let { sampling } = settings.value;
  for (let attempt = 1; ; attempt++) {
    try {
      const room = asking.isChat ? Infinity : await roomAfter(messages, w.abort.signal);
      const { path: where, body } = askFor(asking, chat.system, messages, sampling, room);
      return await readAnswer(w, where, body);
    } catch (error) {
      // There is no room for as many tokens as the user allows: then for those that there is room for.
      if (error instanceof ApiError && error.code === kTooLong && asking.isChat && sampling.max_tokens) {
        sampling = { ...sampling, max_tokens: undefined };
        continue;
      }
      const again =
        error instanceof ApiError &&
        (error.trouble === 'busy' || error.trouble === 'loading') &&
        attempt <= kMostRetries;
      if (!again || w.abort.signal.aborted) throw error;
      const seconds = error.retryAfter || 2 ** attempt;
      w.retryAt = Date.now() + seconds * 1000;
      w.waitsFor = error.message;
      publish(w);
      await wait(seconds * 1000, w.abort.signal);
      w.retryAt = 0;
      if (w.abort.signal.aborted) throw error;
      publish(w);
    }
  }
}

// The server refuses more tokens than its context has room for.
async function roomAfter(messages: Message[], signal: AbortSignal): Promise<number> {
  if (!context.value) return Infinity;
  const room = context.value - (await countTokens(textOf(messages), signal));
  if (room > 0) return room;
  throw new ApiError('refused', `The text fills the context of ${context.value} tokens.`);
}

async function readAnswer(w: Writing, where: Parameters<typeof stream>[0], body: object): Promise<End> {
  const end: End = { finish: 'stop' };
  let drawing = false;
  let saved = performance.now();
  for await (const piece of stream(where, body, w.abort.signal)) {
    if (piece.text || piece.thinking) {
      w.first ||= performance.now();
      w.pieces++;
      w.text += piece.text ?? '';
      w.thinking += piece.thinking ?? '';
    }
    if (piece.finish) end.finish = piece.finish;
    if (piece.usage) end.usage = piece.usage;
    if (piece.timings) end.timings = piece.timings;
    if (!drawing) {
      drawing = true;
      nextFrame().then(() => {
        drawing = false;
        if (writings.value.get(w.chatId)?.messageId === w.messageId) publish(w);
      });
    }
    if (performance.now() - saved > kSaveEvery) {
      save(w, {});
      saved = performance.now();
    }
  }
  return end;
}

function endOfError(error: unknown, aborted: boolean): Partial<Message> {
  if (aborted) return { finish: 'stopped' };
  const known = error instanceof ApiError ? error : apiError('broken');
  note(known);
  return { finish: 'error', error: known.message };
}

function save(w: Writing, with_: Partial<Message>): void {
  const chat = get(w.chatId);
  if (!chat || !find(chat, w.messageId)) {
    w.abort.abort(); // deleted meanwhile, here or in another tab
    return;
  }
  const { text, thinking } = splitThinking(w.text);
  const all = w.thinking + thinking;
  put(change(chat, w.messageId, { text, ...(all ? { thinking: all } : {}), ...with_ }));
}

function finish(w: Writing, end: Partial<Message>): void {
  save(w, end);
  unpublish(w.chatId);
  if (end.error) return; // an alert says it
  announcement.value =
    end.finish === 'stopped' ? 'Stopped' : `Answer finished. ${splitThinking(w.text).text.slice(0, 1000)}`;
}

// Tokens of the context that the conversation has filled, as the server counted them last.
export function tokensOf(messages: Message[]): { used: number; of: number } | undefined {
  const usage = messages.findLast((m) => m.usage)?.usage;
  if (!usage || !context.value) return undefined;
  return { used: usage.prompt_tokens + usage.completion_tokens, of: context.value };
}
