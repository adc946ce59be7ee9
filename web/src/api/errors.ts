// What can go wrong between the page and the server, by what the user can do about it.
export type Trouble =
  | 'key' // an API key is asked for
  | 'busy' // 429, 503: later
  | 'loading' // 503: the model is being read
  | 'draining' // 503: the server is about to stop
  | 'gone' // nobody answers
  | 'broken' // the answer stopped in the middle
  | 'refused'; // the request is wrong; the message says why

export class ApiError extends Error {
  constructor(
    readonly trouble: Trouble,
    message: string,
    readonly retryAfter = 0, // seconds; 0: the server did not say
    readonly code = '', // of the server, for programs
  ) {
    super(message);
  }
}

const kMessages: Record<Exclude<Trouble, 'refused'>, string> = {
  key: 'The server asks for an API key.',
  busy: 'The server is busy.',
  loading: 'The server is loading the model.',
  draining: 'The server is shutting down and takes no new requests.',
  gone: 'The server cannot be reached.',
  broken: 'The connection broke before the end of the answer.',
};

export function apiError(trouble: Exclude<Trouble, 'refused'>, retryAfter = 0): ApiError {
  return new ApiError(trouble, kMessages[trouble], retryAfter);
}

// OpenAI's {"error": {"message", "code"}}.
export function errorOf(body: unknown): { message: string; code: string } {
  const { error } = (body ?? {}) as { error?: unknown };
  if (typeof error === 'string') return { message: error, code: '' };
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  return { message: String(message ?? ''), code: String(code ?? '') };
}

function troubleOf(status: number, code: string): Trouble {
  if (status === 401) return 'key';
  if (status === 429) return 'busy';
  if (status === 503 && code === 'model_loading') return 'loading';
  if (status === 503) return code === 'shutting_down' ? 'draining' : 'busy';
  if (status === 502 || status === 504) return 'gone'; // a proxy without its server
  return 'refused';
}

// Seconds of a Retry-After header: a number, or a date.
export function retryAfterOf(header: string | null, now = Date.now()): number {
  if (!header) return 0;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), 300) : 0;
}

export function errorOfAnswer(status: number, body: string, retryAfter: string | null): ApiError {
  let message = '';
  let code = '';
  try {
    ({ message, code } = errorOf(JSON.parse(body)));
  } catch {
    // a proxy's page: its text says nothing
  }
  const trouble = troubleOf(status, code);
  if (trouble !== 'refused') return apiError(trouble, retryAfterOf(retryAfter));
  return new ApiError(trouble, message || `The server answered with status ${status}.`, 0, code);
}
