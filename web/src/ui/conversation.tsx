import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { path } from '../chats/chat';
import { isChat, model } from '../chats/server';
import { current, put } from '../chats/store';
import { writings } from '../chats/writing';
import { IconButton } from './icons';
import { MessageView } from './message';

function SystemPrompt() {
  const chat = current.value;
  if (!isChat.value) return null;
  return (
    <details class="system" key={chat.id}>
      <summary>
        System prompt{chat.system.trim() ? `: ${chat.system.trim().slice(0, 80)}` : ''}
      </summary>
      <textarea
        aria-label="System prompt of this conversation"
        dir="auto"
        rows={4}
        placeholder="How the model should answer"
        value={chat.system}
        onInput={(e) => put({ ...current.value, system: e.currentTarget.value })}
      />
    </details>
  );
}

function Welcome() {
  const info = model.value?.onebit;
  const name = info?.name || model.value?.id;
  return (
    <div class="welcome">
      <img src="./icon.svg" alt="" width="56" height="56" />
      <h2>{name ?? 'onebit'}</h2>
      {isChat.value ? (
        <p>Runs on the CPU of this server. Conversations stay in this browser.</p>
      ) : (
        <p>
          This model has no chat template: it does not answer, it continues a text. Begin one below. Texts stay in this
          browser.
        </p>
      )}
    </div>
  );
}

// Follows the end of the answer as long as the reader is there.
export function Conversation() {
  const scroller = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const chat = current.value;
  const writing = writings.value.get(chat.id);
  const messages = path(chat);
  const toEnd = () => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  useEffect(() => {
    setAtEnd(true);
    toEnd();
  }, [chat.id]);
  const startedId = writing?.messageId;
  useEffect(() => {
    if (startedId) toEnd();
  }, [startedId]);
  useLayoutEffect(() => {
    if (isAtEnd) toEnd();
  });
  const onScroll = () => {
    const s = scroller.current;
    if (s) setAtEnd(s.scrollHeight - s.scrollTop - s.clientHeight < 60);
  };
  return (
    <div class="conversation">
      <div class="scroller" ref={scroller} onScroll={onScroll} tabIndex={0} role="region" aria-label="Conversation">
        <div class="column">
          <SystemPrompt />
          {messages.length === 0 && <Welcome />}
          {messages.map((m) => (
            <MessageView
              key={m.id}
              chat={chat}
              message={m}
              writing={writing?.messageId === m.id ? writing : undefined}
              isBusy={!!writing}
            />
          ))}
        </div>
      </div>
      {!isAtEnd && <IconButton icon="down" label="To the end" class="to-end" onClick={toEnd} />}
    </div>
  );
}
