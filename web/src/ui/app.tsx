import { useEffect } from 'preact/hooks';
import { connect, isChat, model, serverMessage, serverState } from '../chats/server';
import { change, settings, type Theme } from '../chats/settings';
import { Composer } from './composer';
import { Conversation } from './conversation';
import { openDialog } from './dialog';
import { Icon, IconButton } from './icons';
import { ModelDialog } from './model_card';
import { announcement, notices, unsay } from './notices';
import { DataDialog, KeyDialog, ShortcutsDialog } from './other_dialogs';
import { SettingsDialog } from './settings';
import { closeDrawer, isDrawerOpen, Sidebar } from './sidebar';

const kNextTheme: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const kThemeIcon = { auto: 'auto', light: 'sun', dark: 'moon' } as const;
const kThemeName = { auto: 'as the system', light: 'light', dark: 'dark' };

function Header() {
  const info = model.value?.onebit;
  const { theme } = settings.value;
  const bits = info?.bits_per_weight ? `${info.bits_per_weight.toFixed(2)} bits` : '';
  const facts = [bits, info?.isa].filter(Boolean).join(' · ');
  return (
    <header class="top">
      <IconButton
        icon="menu"
        id="menu"
        label="Conversations"
        class="narrow"
        expanded={isDrawerOpen.value}
        onClick={() => {
          isDrawerOpen.value = true;
          requestAnimationFrame(() => document.querySelector<HTMLElement>('#sidebar .new')?.focus());
        }}
      />
      <h1 class="hidden">onebit</h1>
      <button type="button" class="model" title="About the model (Alt+M)" onClick={() => (openDialog.value = 'model')}>
        <Icon name="chip" />
        <span class="model-name">{info?.name || model.value?.id || 'No model yet'}</span>
        {facts && <span class="facts">{facts}</span>}
      </button>
      <span class="space" />
      <IconButton
        icon={kThemeIcon[theme]}
        label={`Colours: ${kThemeName[theme]}`}
        onClick={() => change({ theme: kNextTheme[theme] })}
      />
      <IconButton icon="gear" label="Settings (Alt+S)" onClick={() => (openDialog.value = 'settings')} />
    </header>
  );
}

function ServerNotice() {
  const state = serverState.value;
  if (state === 'ready' || state === 'connecting') return null;
  return (
    <p class="notice" role="status">
      {serverMessage.value} {(state === 'gone' || state === 'loading') && 'This page keeps trying.'}
      {state === 'key' ? (
        <button type="button" onClick={() => (openDialog.value = 'key')}>
          Enter the key
        </button>
      ) : (
        <button type="button" onClick={connect}>
          Try now
        </button>
      )}
    </p>
  );
}

function Notices() {
  return (
    <div class="notices">
      <ServerNotice />
      {!isChat.value && (
        <p class="notice mild">This model has no chat template: it continues your text instead of answering.</p>
      )}
      {notices.value.map(({ topic, text }) => (
        <p class="notice" role="alert" key={topic}>
          {text}
          <IconButton icon="close" label="Dismiss" onClick={() => unsay(topic)} />
        </p>
      ))}
    </div>
  );
}

export function App() {
  const state = serverState.value;
  useEffect(() => {
    if (state === 'key') openDialog.value = 'key';
  }, [state]);
  return (
    <>
      <a class="skip" href="#composer" onClick={(e) => (e.preventDefault(), document.getElementById('composer')?.focus())}>
        To the message field
      </a>
      <div class="frame">
        <Sidebar />
        {isDrawerOpen.value && <div class="shade" onClick={closeDrawer} />}
        <div class="page" inert={isDrawerOpen.value && matchMedia('(max-width: 760px)').matches}>
          <Header />
          <main class={isChat.value ? '' : 'continues'}>
            <Notices />
            <Conversation />
            <Composer />
          </main>
        </div>
      </div>
      <div class="hidden" aria-live="polite" role="status" id="announcer">
        {announcement.value}
      </div>
      <SettingsDialog />
      <ModelDialog />
      <ShortcutsDialog />
      <KeyDialog />
      <DataDialog />
    </>
  );
}
