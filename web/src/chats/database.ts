// Conversations in the browser: IndexedDB, a record each. localStorage would end at 5 MB and block.
import type { Chat } from './chat';

export class StorageFull extends Error {}

const kStore = 'chats';
let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('onebit', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

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
  return done.catch((error: DOMException) => {
    throw error.name === 'QuotaExceededError' ? new StorageFull() : error;
  });
}

export const loadChats = () => transact('readonly', (s) => s.getAll() as IDBRequest<Chat[]>);
export const loadChat = (id: string) =>
  transact('readonly', (s) => s.get(id) as IDBRequest<Chat | undefined>);
export const saveChat = (chat: Chat) => transact('readwrite', (s) => s.put(chat));
export const deleteChat = (id: string) => transact('readwrite', (s) => s.delete(id));
