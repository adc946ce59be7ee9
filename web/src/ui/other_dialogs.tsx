// The small dialogs: keys of the keyboard, API key, export and import.
import { useState } from 'preact/hooks';
import { setApiKey } from '../api/client';
import { importChats } from '../chats/actions';
import { connect, serverState } from '../chats/server';
import { chats } from '../chats/store';
import { fromJson, toJson } from '../chats/transfer';
import { saveFile } from './copy';
import { Dialog, openDialog } from './dialog';

const kKeys: [string, string][] = [
  ['Enter', 'Send'],
  ['Shift + Enter', 'New line'],
  ['Escape', 'Stop the answer; close what is open'],
  ['/', 'To the message field'],
  ['Alt + N', 'New conversation'],
  ['Alt + K', 'Search titles'],
  ['Alt + ↑ / ↓', 'Conversation above / below'],
  ['Alt + S', 'Settings'],
  ['Alt + M', 'Model'],
  ['?', 'This list'],
];

export function ShortcutsDialog() {
  return (
    <Dialog name="shortcuts" title="Keys">
      <dl class="keys">
        {kKeys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        <a href="./licenses.txt">Licences of the libraries in this page</a>
      </p>
    </Dialog>
  );
}

export function KeyDialog() {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState('');
  const send = async () => {
    setApiKey(key.trim());
    await connect();
    const isRefused = serverState.value === 'key';
    setWrong(isRefused ? 'The server refuses this key.' : '');
    if (isRefused) return;
    setKey('');
    openDialog.value = undefined;
  };
  return (
    <Dialog name="key" title="API key">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          send();
        }}
      >
        <label for="key">The server asks for a key. It is kept until this tab is closed.</label>
        <input
          id="key"
          type="password"
          autocomplete="current-password"
          value={key}
          aria-invalid={!!wrong}
          aria-describedby="key-wrong"
          onInput={(e) => setKey(e.currentTarget.value)}
        />
        <p id="key-wrong" class="error" role="alert">
          {wrong}
        </p>
        <div class="editor-buttons">
          <button type="submit" class="primary" disabled={!key.trim()}>
            Use this key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const kMostImport = 64 << 20; // bytes

export function DataDialog() {
  const [said, setSaid] = useState('');
  const read = async (file: File | undefined) => {
    if (!file) return;
    try {
      if (file.size > kMostImport) throw new Error('file: expected at most 64 MB');
      const list = fromJson(await file.text());
      await importChats(list);
      setSaid(`${list.length} ${list.length === 1 ? 'conversation' : 'conversations'} read.`);
    } catch (error) {
      setSaid(`${file.name}: ${(error as Error).message}`);
    }
  };
  const n = chats.value.length;
  return (
    <Dialog name="data" title="Export and import">
      <section>
        <p>Conversations are in this browser only. An export keeps all their branches.</p>
        <button
          type="button"
          disabled={n === 0}
          onClick={() => saveFile('onebit-conversations.json', 'application/json', toJson(chats.value))}
        >
          Export all ({n})
        </button>
      </section>
      <section>
        <label for="import">Import a file that was exported here; it replaces nothing</label>
        <input
          id="import"
          type="file"
          accept=".json,application/json"
          onChange={(e) => {
            read(e.currentTarget.files?.[0]);
            e.currentTarget.value = '';
          }}
        />
        <p role="status">{said}</p>
      </section>
    </Dialog>
  );
}
