import { signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import { removeChat } from '../chats/actions';
import { type Chat, matches, titleOf } from '../chats/chat';
import { current, newestFirst, openChat, put, startNew } from '../chats/store';
import { fileName, toJson, toMarkdown } from '../chats/transfer';
import { writings } from '../chats/writing';
import { saveFile } from './copy';
import { openDialog } from './dialog';
import { useFocus } from './focus';
import { Icon, IconButton } from './icons';

export const isDrawerOpen = signal(false); // on narrow screens; wide ones always show the list

const query = signal('');

export function closeDrawer(): void {
  if (!isDrawerOpen.value) return;
  isDrawerOpen.value = false;
  requestAnimationFrame(() => document.getElementById('menu')?.focus()); // it is inert until drawn
}

export function beginNew(): void {
  startNew();
  isDrawerOpen.value = false;
  document.getElementById('composer')?.focus();
}

function Rename({ chat, onDone }: { chat: Chat; onDone: () => void }) {
  const isDone = useRef(false); // the blur of a field that goes is no wish to save
  const input = useFocus<HTMLInputElement>((i) => i.select());
  const end = (title?: string) => {
    if (isDone.current) return;
    isDone.current = true;
    if (title !== undefined) put({ ...chat, title: title.trim().slice(0, 200) });
    onDone();
  };
  return (
    <input
      class="rename"
      aria-label="Title"
      dir="auto"
      value={titleOf(chat)}
      ref={input}
      onBlur={(e) => end(e.currentTarget.value)}
      onKeyDown={(e) => {
        if (e.key === 'Enter') end(e.currentTarget.value);
        if (e.key === 'Escape') {
          e.stopPropagation();
          end();
        }
      }}
    />
  );
}

type Doing = 'nothing' | 'menu' | 'rename' | 'delete';

function ChatMenu({ chat, set }: { chat: Chat; set: (doing: Doing) => void }) {
  const save = (extension: 'json' | 'md') => {
    const text = extension === 'json' ? toJson([chat]) : toMarkdown(chat);
    saveFile(fileName(chat, extension), extension === 'json' ? 'application/json' : 'text/markdown', text);
    set('nothing');
  };
  return (
    <div class="chat-menu">
      <button type="button" onClick={() => set('rename')}>
        Rename
      </button>
      <button type="button" onClick={() => save('md')}>
        Save as Markdown
      </button>
      <button type="button" onClick={() => save('json')}>
        Save as JSON
      </button>
      <button type="button" class="danger" onClick={() => set('delete')}>
        Delete
      </button>
    </div>
  );
}

function Entry({ chat }: { chat: Chat }) {
  const [doing, set] = useState<Doing>('nothing');
  const isCurrent = chat.id === current.value.id;
  const title = titleOf(chat);
  const remove = () => {
    removeChat(chat.id);
    document.querySelector<HTMLElement>('#sidebar .new')?.focus(); // the button is gone
  };
  if (doing === 'rename') {
    return (
      <li>
        <Rename chat={chat} onDone={() => set('nothing')} />
      </li>
    );
  }
  return (
    <li class={isCurrent ? 'current' : ''}>
      <div class="entry">
        <button
          type="button"
          class="entry-title"
          aria-current={isCurrent ? 'page' : undefined}
          dir="auto"
          onDblClick={() => set('rename')}
          onClick={() => {
            openChat(chat.id);
            closeDrawer();
          }}
        >
          {writings.value.has(chat.id) && <span class="pulse" role="img" aria-label="An answer is coming: " />}
          {title}
        </button>
        <IconButton
          icon="more"
          label={`More about ${title}`}
          expanded={doing !== 'nothing'}
          onClick={() => set(doing === 'nothing' ? 'menu' : 'nothing')}
        />
      </div>
      {doing === 'menu' && <ChatMenu chat={chat} set={set} />}
      {doing === 'delete' && (
        <div class="chat-menu" role="group" aria-label={`Delete ${title}?`}>
          <span>Delete it?</span>
          <button type="button" class="danger" onClick={remove}>
            Delete
          </button>
          <button type="button" onClick={() => set('nothing')}>
            Keep
          </button>
        </div>
      )}
    </li>
  );
}

export function Sidebar() {
  const found = newestFirst.value.filter((c) => matches(c, query.value));
  return (
    <nav id="sidebar" class={`sidebar ${isDrawerOpen.value ? 'open' : ''}`} aria-label="Conversations">
      <div class="sidebar-head">
        <button type="button" class="new" onClick={beginNew} title="New conversation (Alt+N)">
          <Icon name="plus" /> New conversation
        </button>
        <IconButton icon="close" label="Close the list" class="narrow" onClick={closeDrawer} />
      </div>
      <input
        id="search"
        type="search"
        placeholder="Search titles"
        aria-label="Search titles"
        value={query.value}
        onInput={(e) => (query.value = e.currentTarget.value)}
      />
      <ul class="entries">
        {found.map((chat) => (
          <Entry key={chat.id} chat={chat} />
        ))}
      </ul>
      {found.length === 0 && <p class="none">{query.value ? 'No title has these words.' : 'Nothing asked yet.'}</p>}
      <div class="sidebar-foot">
        <button type="button" onClick={() => (openDialog.value = 'data')}>
          Export, import
        </button>
        <button type="button" onClick={() => (openDialog.value = 'shortcuts')}>
          Keys
        </button>
      </div>
    </nav>
  );
}
