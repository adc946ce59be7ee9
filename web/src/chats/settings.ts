// What the user chose for all conversations; small, so localStorage.
import { effect, signal } from '@preact/signals';
import { kFields, type Sampling } from './request';

export type Theme = 'auto' | 'light' | 'dark';

export interface Settings {
  theme: Theme;
  system: string; // of new conversations
  sampling: Sampling;
}

const kName = 'onebit.settings';

export function readSettings(json: string | null): Settings {
  const result: Settings = { theme: 'auto', system: '', sampling: {} };
  try {
    const stored = JSON.parse(json ?? '{}') as Partial<Settings>;
    if (stored.theme === 'light' || stored.theme === 'dark') result.theme = stored.theme;
    if (typeof stored.system === 'string') result.system = stored.system;
    for (const { name, min, max } of kFields) {
      const value = stored.sampling?.[name];
      if (typeof value === 'number' && value >= min && value <= max) result.sampling[name] = value;
    }
  } catch {
    // of another version or hand: the defaults
  }
  return result;
}

function stored(): string | null {
  try {
    return localStorage.getItem(kName);
  } catch {
    return null;
  }
}

export const settings = signal<Settings>(readSettings(stored()));

export function change(with_: Partial<Settings>): void {
  settings.value = { ...settings.value, ...with_ };
  try {
    localStorage.setItem(kName, JSON.stringify(settings.value));
  } catch {
    // they last as long as the tab
  }
}

// <html data-theme> decides which colours app.css takes.
export function followTheme(): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = signal(system.matches);
  system.addEventListener('change', () => (isDark.value = system.matches));
  effect(() => {
    const { theme } = settings.value;
    document.documentElement.dataset.theme = theme === 'auto' ? (isDark.value ? 'dark' : 'light') : theme;
  });
}
