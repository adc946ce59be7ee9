// What the page knows of the server: its model, and whether it is there.
import { computed, signal } from '@preact/signals';
import { getModel, type Model } from '../api/client';
import { ApiError } from '../api/errors';

export type ServerState = 'connecting' | 'ready' | 'loading' | 'draining' | 'gone' | 'key' | 'refused';

export const serverState = signal<ServerState>('connecting');
export const serverMessage = signal('');
export const model = signal<Model | undefined>(undefined);
// Unknown: assume a model that chats.
export const isChat = computed(() => model.value?.onebit?.is_chat !== false);
export const context = computed(() => model.value?.onebit?.context ?? 0);

let timer: ReturnType<typeof setTimeout> | undefined;

export async function connect(): Promise<void> {
  clearTimeout(timer);
  try {
    model.value = await getModel();
    serverState.value = 'ready';
    serverMessage.value = '';
  } catch (error) {
    const known = error instanceof ApiError ? error : new ApiError('gone', String(error));
    note(known);
    if (known.trouble === 'busy') timer = setTimeout(connect, 3000);
  }
}

// An error of any call says how the server is. Only what a wait can mend is asked for again.
export function note(error: ApiError): void {
  const { trouble } = error;
  if (trouble === 'busy' || trouble === 'broken') return;
  if (trouble === 'refused' && serverState.value === 'ready') return; // of that one request
  serverState.value = trouble;
  serverMessage.value = error.message;
  if (trouble === 'loading' || trouble === 'draining' || trouble === 'gone') {
    clearTimeout(timer);
    timer = setTimeout(connect, trouble === 'loading' ? 1000 : 3000);
  }
}
