import { expect, it, vi } from 'vitest';
import { loadChats } from '../src/chats/database';

it('asks again for a database that did not open', async () => {
  const open = vi.fn(() => {
    const request = { error: new Error('locked') } as unknown as IDBOpenDBRequest;
    setTimeout(() => request.onerror?.(new Event('error')));
    return request;
  });
  vi.stubGlobal('indexedDB', { open });
  await expect(loadChats()).rejects.toThrow('locked');
  await expect(loadChats()).rejects.toThrow('locked');
  expect(open).toHaveBeenCalledTimes(2);
});
