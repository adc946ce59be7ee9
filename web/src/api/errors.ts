// What can go wrong between the page and the server, by what the user can do about it.
export type Trouble =
  | 'key' // an API key is asked for
  | 'busy' // 429: later
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

// OpenAI's {"error": {"message"}}, or ours of /health, {"status"}.
export function messageOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { error, status } = body as { error?: unknown; status?: unknown };
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'message' in error) {
    return String((error as { message: unknown }).message);
  }
  return typeof status === 'string' ? status : '';
}

export function troubleOfStatus(status: number, text: string): Trouble {
  if (status === 401) return 'key';
  if (status === 429) return 'busy';
  if (status === 503) return /load|start/i.test(text) ? 'loading' : 'draining';
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
  let text = '';
  try {
    text = messageOf(JSON.parse(body));
  } catch {
    // a proxy's page: its text says nothing
  }
  const trouble = troubleOfStatus(status, text);
  if (trouble !== 'refused') return apiError(trouble, retryAfterOf(retryAfter));
  return new ApiError(trouble, text || `The server answered with status ${status}.`);
}
