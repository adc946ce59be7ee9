import { useState } from 'preact/hooks';
import { editQuestion, regenerate, removeMessage } from '../chats/actions';
import { type Chat, type Message, select, siblings } from '../chats/chat';
import { splitThinking } from '../chats/request';
import { isChat } from '../chats/server';
import { put } from '../chats/store';
import type { Writing } from '../chats/writing';
import { copyText } from './copy';
import { useFocus } from './focus';
import { Icon, IconButton } from './icons';
import { Markdown } from './markdown';
import { memo } from './memo';
import { announcement } from './notices';
import { Waiting } from './waiting';

const kEnds: Record<string, string> = {
  length: 'Ended at the most tokens that were asked for.',
  context_full: 'Ended where the context is full.',
  stopped: 'Stopped.',
};

interface EditorProps {
  chat: Chat;
  message: Message;
  isBusy: boolean;
  onDone: () => void;
}

function Editor({ chat, message, isBusy, onDone }: EditorProps) {
  const [text, setText] = useState(message.text);
  const area = useFocus<HTMLTextAreaElement>();
  const canSend = !isBusy && text.trim() !== '';
  const send = () => {
    if (!canSend) return;
    onDone();
    editQuestion(chat, message, text);
  };
  return (
    <form
      class="editor"
      onSubmit={(e) => {
        e.preventDefault();
        send();
      }}
    >
      <textarea
        aria-label="Edit the message"
        dir="auto"
        rows={Math.min(12, text.split('\n').length + 1)}
        value={text}
        ref={area}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape') {
            e.stopPropagation();
            onDone();
          } else if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
            e.preventDefault();
            send();
          }
        }}
      />
      <div class="editor-buttons">
        <button type="button" onClick={onDone}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={!canSend}>
          Send
        </button>
      </div>
    </form>
  );
}

function Versions({ chat, message }: { chat: Chat; message: Message }) {
  const all = siblings(chat, message);
  if (all.length < 2) return null;
  const at = all.findIndex((m) => m.id === message.id);
  const show = (i: number) => {
    const other = all[i];
    if (other) put(select(chat, other.id));
  };
  return (
    <span class="versions">
      <IconButton icon="left" label="Version before" disabled={at === 0} onClick={() => show(at - 1)} />
      <span>
        {at + 1}/{all.length}
      </span>
      <IconButton icon="right" label="Version after" disabled={at === all.length - 1} onClick={() => show(at + 1)} />
    </span>
  );
}

function Figures({ message }: { message: Message }) {
  const { timings, usage } = message;
  if (!timings && !usage) return null;
  const parts: string[] = [];
  if (usage) parts.push(`${usage.completion_tokens} tokens`);
  if (timings?.predicted_per_second) parts.push(`${timings.predicted_per_second.toFixed(1)} tokens/s`);
  const details = timings
    ? `Prompt: ${timings.prompt_n} tokens in ${Math.round(timings.prompt_ms)} ms, ${timings.cached_n} of them known already. ` +
      `Waited ${Math.round(timings.queue_ms)} ms.`
    : undefined;
  return (
    <span class="figures" title={details}>
      {parts.join(' · ')}
    </span>
  );
}

interface MessageProps {
  chat: Chat;
  message: Message;
  writing: Writing | undefined; // of this message
  isBusy: boolean; // an answer of this conversation is being written
}

function MessageBody({ message, writing }: Pick<MessageProps, 'message' | 'writing'>) {
  const live = writing ? splitThinking(writing.text) : undefined;
  const text = live?.text ?? message.text;
  // A continuation always ends somewhere; an answer should not.
  const isCut = message.finish === 'length' && !isChat.value;
  const isOpen = message.role === 'assistant' && !writing && !message.finish; // the tab was closed
  const end = isOpen ? 'Not finished.' : isCut ? '' : kEnds[message.finish ?? ''];
  const thinking = writing ? writing.thinking + (live?.thinking ?? '') : message.thinking;
  return (
    <>
      {thinking && (
        <details class="thinking" open={!!writing && !text}>
          <summary>Thinking</summary>
          <div class="plain" dir="auto">
            {thinking}
          </div>
        </details>
      )}
      {message.role === 'assistant' && isChat.value ? (
        <Markdown text={text} />
      ) : (
        <div class="plain" dir="auto">
          {text}
        </div>
      )}
      {writing && <Waiting writing={writing} />}
      {message.error && (
        <p class="error" role="alert">
          {message.error}
        </p>
      )}
      {end && <p class="end">{end}</p>}
    </>
  );
}

export const MessageView = memo(({ chat, message, writing, isBusy }: MessageProps) => {
  const [isEdited, setEdited] = useState(false);
  const isUser = message.role === 'user';
  const who = isUser ? 'You' : isChat.value ? 'Answer' : 'Continuation';
  const copy = async () => {
    announcement.value = (await copyText(message.text)) ? 'Copied' : 'The browser does not allow copying';
  };
  const remove = () => {
    removeMessage(chat, message.id);
    document.querySelector<HTMLElement>('.scroller')?.focus(); // the button is gone
  };
  return (
    <article class={`message ${message.role}`} aria-label={who} aria-busy={!!writing} data-id={message.id}>
      {isEdited ? (
        <Editor chat={chat} message={message} isBusy={isBusy} onDone={() => setEdited(false)} />
      ) : (
        <div class="body">
          <MessageBody message={message} writing={writing} />
        </div>
      )}
      {!writing && !isEdited && (
        <footer class="message-foot">
          {message.error && (
            <button type="button" class="retry" disabled={isBusy} onClick={() => regenerate(chat, message)}>
              <Icon name="redo" /> Try again
            </button>
          )}
          <Versions chat={chat} message={message} />
          <IconButton icon="copy" label="Copy" onClick={copy} />
          {isUser && <IconButton icon="edit" label="Edit" disabled={isBusy} onClick={() => setEdited(true)} />}
          {!isUser && !message.error && (
            <IconButton icon="redo" label="Regenerate" disabled={isBusy} onClick={() => regenerate(chat, message)} />
          )}
          <IconButton icon="trash" label="Delete from here" disabled={isBusy} onClick={remove} />
          <Figures message={message} />
        </footer>
      )}
    </article>
  );
});
