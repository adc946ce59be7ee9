// Calls of the server. All addresses are relative, so that the page works below any prefix.
import { pieceOfEvent, type Piece } from './answer';
import { ApiError, apiError, errorOfAnswer } from './errors';
import { SseParser } from './sse';

export interface ModelInfo {
  architecture: string;
  name: string;
  parameters: number;
  bits_per_weight: number;
  file_bytes: number;
  activations: string;
  isa: string;
  threads: number;
  context: number;
  is_chat: boolean;
  template: string;
}

export interface Model {
  id: string;
  onebit?: Partial<ModelInfo>;
}

const kKeyName = 'onebit.key';

export function apiKey(): string {
  try {
    return sessionStorage.getItem(kKeyName) ?? '';
  } catch {
    return ''; // storage is switched off
  }
}

export function setApiKey(key: string): void {
  try {
    sessionStorage.setItem(kKeyName, key);
  } catch {
    // asked again after the next load
  }
  keyInMemory = key;
}
let keyInMemory = '';

function headers(): Record<string, string> {
  const key = keyInMemory || apiKey();
  // A header holds Latin-1 only; what does not fit cannot be a right key.
  return key && /^[\x21-\x7e]+$/.test(key) ? { authorization: `Bearer ${key}` } : {};
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      ...init,
      headers: { ...headers(), ...init.headers },
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw apiError('gone');
  }
  if (answer.ok) return answer;
  const body = await answer.text().catch(() => '');
  throw errorOfAnswer(answer.status, body, answer.headers.get('retry-after'));
}

// The model that answers: the first of the list.
export async function getModel(): Promise<Model> {
  const answer = await call('v1/models');
  const list = (await answer.json().catch(() => ({}))) as { data?: Model[] };
  const model = list.data?.[0];
  if (!model) throw new ApiError('refused', '/v1/models: expected a model, found none.');
  return model;
}

export async function countTokens(content: string, signal: AbortSignal): Promise<number> {
  const answer = await call('tokenize', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ content, add_special: true }),
    signal,
  });
  return ((await answer.json()) as { tokens: unknown[] }).tokens.length;
}

export async function* stream(
  path: 'v1/chat/completions' | 'v1/completions',
  body: object,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const answer = await call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  if (!answer.body) throw apiError('broken');
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new SseParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw apiError('broken'); // without [DONE]
      for (const data of parser.push(value)) {
        if (data === '[DONE]') return;
        yield pieceOfEvent(data);
      }
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    throw apiError('broken');
  } finally {
    reader.cancel().catch(() => {});
  }
}
