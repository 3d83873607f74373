/** The whole page of somebody who is signed in. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { canCapture } from '../../media/devices.ts';
import { soundIsBlocked } from '../../media/playback.ts';
import { ChannelType } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { useKeys } from '../keys.ts';
import { dismiss, notices } from '../model/notices.ts';
import { Hidden, IconButton } from './basics.tsx';
import { ChatView } from './chat.tsx';
import { GatewayEnded } from './gateway-ended.tsx';
import { Icon } from './icons.tsx';
import { IncomingCall } from './incoming-call.tsx';
import { NetworkPanel } from './network-panel.tsx';
import { RoomView } from './room.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { Sidebar } from './sidebar.tsx';

/** See the module. */
export function Page(): JSX.Element {
  const app = useApp();
  const [settingsOpen, setSettingsOpen] = useState(false);
  useKeys();
  return (
    <div class={`page place-${app.place.value.kind} ${app.panel.value === 'none' ? '' : 'with-panel'}`}>
      <Sidebar openSettings={() => setSettingsOpen(true)} />
      <main class="middle">
        <Header />
        <Banner />
        <Middle />
      </main>
      <SidePanel />
      <IncomingCall />
      {settingsOpen && <SettingsDialog close={() => setSettingsOpen(false)} />}
      <Notices />
      <Announcer />
    </div>
  );
}

function Header(): JSX.Element {
  const app = useApp();
  const place = app.place.value;
  const channel = place.kind === 'home' ? undefined : app.world.channelOf(place.room);
  const title = channel === undefined ? 'Voxhall' : app.world.titleOf(channel);
  useEffect(() => {
    document.title = channel === undefined ? 'Voxhall' : `${title} – Voxhall`;
  }, [title, channel === undefined]);
  return (
    <header class="header">
      <span class="only-narrow">
        <IconButton icon="back" label="Back to the rooms" onClick={() => app.show({ kind: 'home' })} />
      </span>
      {channel !== undefined && (
        <Icon name={channel.type === ChannelType.GuildText ? 'text' : channel.guild_id ? 'speaker' : 'phone'} size={18} />
      )}
      <h1>{title}</h1>
    </header>
  );
}

function Middle(): JSX.Element {
  const place = useApp().place.value;
  switch (place.kind) {
    case 'room':
      return <RoomView room={place.room} />;
    case 'text':
      return <ChatView room={place.room} />;
    case 'home':
      return (
        <div class="empty">
          <h1 class="wordmark">Voxhall</h1>
          <p class="muted">Join a voice channel, or call somebody.</p>
        </div>
      );
  }
}

/** Beside the room: its chat, or the network. */
function SidePanel(): JSX.Element | null {
  const app = useApp();
  const panel = app.panel.value;
  const room = app.room.value;
  if (panel === 'none' || room === null || app.place.value.kind !== 'room') return null;
  const title = panel === 'chat' ? 'Chat' : 'Network';
  return (
    <aside class="panel" aria-label={title}>
      <header class="header">
        <h2>{title}</h2>
        <IconButton icon="close" label={`Close ${title.toLowerCase()}`} onClick={() => (app.panel.value = 'none')} />
      </header>
      {panel === 'chat' ? <ChatView room={room} /> : <NetworkPanel />}
    </aside>
  );
}

/** What keeps one from being heard or from hearing. */
function Banner(): JSX.Element | null {
  const app = useApp();
  if (app.gatewayState.value.phase === 'ended') return <GatewayEnded />;
  if (soundIsBlocked.value) {
    return (
      <p class="banner" role="alert">
        The browser plays no sound before you touch the page.
        <button type="button" class="button primary" onClick={() => void app.unblockSound()}>
          Turn the sound on
        </button>
      </p>
    );
  }
  if (app.mediaFailures.value > 1) {
    return (
      <p class="banner" role="alert">
        No sound gets through to the server. A firewall may be in the way of UDP.
      </p>
    );
  }
  const failed = app.microphoneFailed.value;
  if (app.room.value !== null && failed !== null) {
    return (
      <p class="banner" role="status">
        {failed}
        {canCapture && (
          <button type="button" class="button" onClick={() => app.retryMicrophone()}>
            Try again
          </button>
        )}
      </p>
    );
  }
  return null;
}

/** Says who comes and goes, to those who do not see it. */
function Announcer(): JSX.Element {
  const app = useApp();
  const room = app.room.value;
  const people = room === null ? [] : app.world.inRoom(room.channel);
  const names = new Map(people.map((state) => [state.user_id, app.world.nameOf(state.user_id, state.guild_id)]));
  const before = useRef(names);
  const [text, setText] = useState('');
  const key = [...names.keys()].join();
  useEffect(() => {
    const came = [...names].filter(([user]) => !before.current.has(user)).map(([, name]) => `${name} came.`);
    const went = [...before.current].filter(([user]) => !names.has(user)).map(([, name]) => `${name} left.`);
    before.current = names;
    if (came.length + went.length > 0) setText([...came, ...went].join(' '));
  }, [key]);
  return (
    <div class="visually-hidden" role="status">
      {text}
    </div>
  );
}

function Notices(): JSX.Element {
  return (
    <div class="notices" aria-live="polite">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.bad ? 'bad' : ''}`}>
          {notice.bad && <Hidden>Problem: </Hidden>}
          <span>{notice.text}</span>
          <IconButton icon="close" label="Dismiss" onClick={() => dismiss(notice.id)} />
        </div>
      ))}
    </div>
  );
}
