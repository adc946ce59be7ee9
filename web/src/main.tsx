import { effect } from '@preact/signals';
import { render } from 'preact';
import { titleOf } from './chats/chat';
import { connect } from './chats/server';
import { followTheme } from './chats/settings';
import { current, followOtherTabs, loadAll } from './chats/store';
import './styles/app.css';
import { App } from './ui/app';
import { listenToKeys } from './ui/keyboard';

followTheme();
listenToKeys();
connect();
await loadAll();
followOtherTabs();
effect(() => {
  document.title = current.value.leaf ? `${titleOf(current.value)} - onebit` : 'onebit';
});
const root = document.getElementById('app');
if (root) render(<App />, root);
