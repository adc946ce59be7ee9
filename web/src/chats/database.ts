// Conversations in the browser: IndexedDB, a record each. localStorage would end at 5 MB and block.
import type { Chat } from './chat';

export class StorageFull extends Error {}

const kStore = 'chats';
let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  const again = () => (opened = undefined); // the next call may be luckier
  opened ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('onebit', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: 'id' });
    request.onsuccess = () => {
      request.result.onclose = again;
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    again();
    throw error;
  });
  return opened;
}

const known = (error: unknown) =>
  (error as DOMException | null)?.name === 'QuotaExceededError' ? new StorageFull() : error;

async function transact<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open();
  const done = new Promise<T>((resolve, reject) => {
    const transaction = database.transaction(kStore, mode);
    const request = work(transaction.objectStore(kStore));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error); // errors of the request end here too
  });
  return done.catch((error) => {
    throw known(error);
  });
}

export const loadChats = () => transact('readonly', (s) => s.getAll() as IDBRequest<Chat[]>);
export const loadChat = (id: string) =>
  transact('readonly', (s) => s.get(id) as IDBRequest<Chat | undefined>);

// Puts what `change` makes of the record in its place, and says what that is. Nobody writes between:
// it is one transaction, of all tabs. Undefined: no record is put.
export async function updateChat(
  id: string,
  change: (stored: Chat | undefined) => Chat | undefined,
): Promise<Chat | undefined> {
  let changed: Chat | undefined;
  let thrown: unknown;
  await transact('readwrite', (s) => {
    const request = s.get(id) as IDBRequest<Chat | undefined>;
    request.onsuccess = () => {
      try {
        changed = change(request.result);
        if (changed) s.put(changed);
      } catch (error) {
        thrown = error;
        s.transaction.abort();
      }
    };
    return request;
  }).catch((error) => {
    throw thrown ? known(thrown) : error;
  });
  return changed;
}
export const deleteChat = (id: string) => transact('readwrite', (s) => s.delete(id));
