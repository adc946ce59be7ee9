// The pieces of a streamed answer, out of the events of /v1/chat/completions and /v1/completions.
import { ApiError, errorOf } from './errors';

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

export interface Timings {
  prompt_n: number;
  cached_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
  predicted_per_second: number;
  queue_ms: number;
}

export interface Piece {
  text?: string;
  thinking?: string;
  finish?: string;
  usage?: Usage;
  timings?: Timings;
}

interface Chunk {
  choices?: {
    text?: string;
    delta?: { content?: string | null; reasoning_content?: string | null };
    finish_reason?: string | null;
  }[];
  usage?: Usage | null;
  timings?: Timings | null;
}

// Throws ApiError for an event that says that the answer failed.
export function pieceOfEvent(data: string): Piece {
  let chunk: Chunk;
  try {
    chunk = JSON.parse(data) as Chunk;
  } catch {
    throw new ApiError('broken', 'The server sent an event that is not JSON.');
  }
  if (typeof chunk !== 'object' || chunk === null) {
    throw new ApiError('broken', 'The server sent an event that is not an object.');
  }
  if ('error' in chunk) throw new ApiError('broken', errorOf(chunk).message || 'The answer failed.');
  const choice = chunk.choices?.[0];
  const piece: Piece = {};
  const text = choice?.delta?.content ?? choice?.text;
  if (text) piece.text = text;
  if (choice?.delta?.reasoning_content) piece.thinking = choice.delta.reasoning_content;
  if (choice?.finish_reason) piece.finish = choice.finish_reason;
  if (chunk.usage) piece.usage = chunk.usage;
  if (chunk.timings) piece.timings = chunk.timings;
  return piece;
}
