import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { ask } from '../chats/actions';
import { path } from '../chats/chat';
import { isChat } from '../chats/server';
import { current } from '../chats/store';
import { stop, tokensOf, writings } from '../chats/writing';
import { Icon, IconButton } from './icons';

// Where Enter is on a screen keyboard it makes a line; the button sends.
const hasKeyboard = !matchMedia('(pointer: coarse)').matches;

function Meter() {
  const tokens = tokensOf(path(current.value));
  if (!tokens) return null;
  const share = Math.min(1, tokens.used / tokens.of);
  const text = `${tokens.used.toLocaleString('en')} of ${tokens.of.toLocaleString('en')} tokens`;
  return (
    <span class={`meter ${share > 0.9 ? 'full' : ''}`} title="The context that this conversation fills">
      <meter min={0} max={tokens.of} high={tokens.of * 0.9} value={Math.min(tokens.used, tokens.of)} aria-label="Context">
        {text}
      </meter>
      {text}
    </span>
  );
}

// As high as its text, to a third of the window (app.css).
function fit(area: HTMLTextAreaElement): void {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}

const drafts = new Map<string, string>();

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const chat = current.value;
  const isBusy = writings.value.has(chat.id);
  const continues = !isChat.value;
  // Not after the next frame: who presses a key at once has the focus already.
  useLayoutEffect(() => {
    if (!area.current) return;
    area.current.value = drafts.get(chat.id) ?? '';
    fit(area.current);
    if (hasKeyboard && !document.querySelector('dialog[open]')) area.current.focus();
  }, [chat.id]);
  useEffect(() => {
    // The button to stop was the focus, and is gone.
    if (!isBusy && hasKeyboard && document.activeElement === document.body) area.current?.focus();
  }, [isBusy]);
  const send = () => {
    if (!area.current || isBusy) return;
    const text = area.current.value;
    if (text.trim() === '' && !(continues && chat.leaf)) return;
    area.current.value = '';
    drafts.delete(chat.id);
    fit(area.current);
    ask(chat, continues ? text : text.trim());
  };
  const label = continues ? 'Text to continue' : 'Message';
  return (
    <form
      class="composer"
      aria-label="Write"
      onSubmit={(e) => {
        e.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <textarea
          ref={area}
          id="composer"
          rows={1}
          dir="auto"
          aria-label={label}
          placeholder={continues ? 'Begin a text, or leave this empty to go on' : 'Ask anything'}
          enterkeyhint={hasKeyboard ? 'send' : 'enter'}
          onInput={(e) => {
            drafts.set(chat.id, e.currentTarget.value);
            fit(e.currentTarget);
          }}
          onKeyDown={(e) => {
            if (e.key !== 'Enter' || e.shiftKey || e.isComposing || !hasKeyboard) return;
            e.preventDefault();
            send();
          }}
        />
        {isBusy ? (
          <IconButton icon="stop" label="Stop (Escape)" class="send stop" onClick={() => stop(chat.id)} />
        ) : (
          <button type="submit" class="icon-button send" aria-label={continues ? 'Continue' : 'Send'} title="Send (Enter)">
            <Icon name="send" />
          </button>
        )}
      </div>
      <div class="composer-foot">
        <Meter />
        <span class="hint">{hasKeyboard ? 'Enter sends, Shift+Enter makes a line' : ''}</span>
      </div>
    </form>
  );
}
