import { beforeEach, describe, expect, it, vi } from 'vitest';

beforeEach(() => vi.resetModules());

describe('settings', () => {
  it('are the defaults where the browser holds nothing, or nonsense', async () => {
    const { readSettings } = await import('../src/chats/settings');
    const defaults = { theme: 'auto', system: '', sampling: {} };
    for (const json of [null, '', '{', 'null', '[]', '{"theme":"pink","system":1,"sampling":{"top_p":7,"x":1}}']) {
      expect(readSettings(json)).toEqual(defaults);
    }
  });
  it('last as long as the tab where the browser refuses to hold them', async () => {
    vi.stubGlobal('localStorage', {
      getItem: () => null,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    const { change, settings } = await import('../src/chats/settings');
    change({ sampling: { seed: 1 } });
    expect(settings.value.sampling).toEqual({ seed: 1 });
    vi.unstubAllGlobals();
  });
});
