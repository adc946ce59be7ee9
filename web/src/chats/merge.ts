// Two tabs write to one conversation: what each did to it since both had `base`, together.
import type { Chat, Message } from './chat';

const byId = (chat?: Chat) => new Map(chat?.messages.map((m): [string, Message] => [m.id, m]));

// `mine` shares with `base` what is unchanged, as all functions of chat.ts leave it; `theirs` is a
// copy out of the database. Undefined: there is none, or no more.
export function merge(base?: Chat, mine?: Chat, theirs?: Chat): Chat | undefined {
  if (mine === base || !mine) return theirs;
  if (!theirs) return base ? undefined : mine; // removed elsewhere, or new here
  const before = byId(base);
  const here = byId(mine);
  const there = byId(theirs);
  // A message of only one side is new, or the other side has removed it.
  const all = [
    ...theirs.messages.filter((m) => here.has(m.id) || !before.has(m.id)),
    ...mine.messages.filter((m) => !there.has(m.id) && !before.has(m.id)),
  ];
  const kept = new Set<string | null>([null]);
  const messages: Message[] = [];
  for (const m of all) {
    if (!kept.has(m.parent)) continue; // what it followed is removed
    kept.add(m.id);
    const own = here.get(m.id);
    messages.push(own && own !== before.get(m.id) ? own : m);
  }
  const pick = <K extends keyof Chat>(name: K): Chat[K] =>
    base && mine[name] === base[name] ? theirs[name] : mine[name];
  const leaves = [pick('leaf'), mine.leaf, theirs.leaf, messages.at(-1)?.id ?? null];
  return {
    ...theirs,
    title: pick('title'),
    system: pick('system'),
    updated: Math.max(mine.updated, theirs.updated),
    messages,
    leaf: leaves.find((id) => id !== null && kept.has(id)) ?? null,
  };
}
