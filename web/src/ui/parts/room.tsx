/** The middle of the page: the room one is in or looks at, with its tiles and its controls. */

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Permission, type Room, sameRoom } from '../../protocol/index.ts';
import { canShareScreen } from '../../media/devices.ts';
import { useApp } from '../context.ts';
import { settings } from '../model/settings.ts';
import { Avatar, IconButton } from './basics.tsx';
import { ChatView } from './chat.tsx';
import { Icon } from './icons.tsx';
import { OwnStanding } from './stage.tsx';
import { PersonTile, StreamTile } from './tile.tsx';

/** See the module. */
export function RoomView({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const here = sameRoom(app.room.value, room);
  return (
    <div class="room">
      {here ? <Tiles room={room} /> : <Entrance room={room} />}
      {here && <Controls room={room} />}
    </div>
  );
}

function Tiles({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const people = app.world.inRoom(room.channel);
  const live = app.live.value;
  const { phase } = app.join.value;
  const waits = people.length === 1 && room.guild === null;
  const tiles = useTileSizes(people.length + (waits ? 1 : 0));
  return (
    <div class={`tiles ${live.length > 0 ? 'with-streams' : ''}`} ref={tiles}>
      {phase !== 'in' && (
        <p class="tiles-state" role="status">
          {phase === 'joining' ? 'Joining …' : 'The connection was lost. Coming back …'}
        </p>
      )}
      {live.map((stream) => (
        <StreamTile key={stream.key} stream={stream} />
      ))}
      {people.map((state) => (
        <PersonTile key={state.user_id} state={state} />
      ))}
      {waits && <Waiting room={room} />}
    </div>
  );
}

/** The shape of a tile, and the room between two of them. */
const SHAPE = 16 / 10;
const GAP_PX = 12;

/** Keeps tiles as large as all of them fit, and no wider than they are meant to be. */
function useTileSizes(count: number): { current: HTMLDivElement | null } {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const fit = (): void => {
      const style = getComputedStyle(element);
      const width = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      const height = element.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      element.style.setProperty('--tile-width', `${Math.floor(widestTile(count, width, height))}px`);
    };
    const size = new ResizeObserver(fit);
    size.observe(element);
    fit();
    return () => size.disconnect();
  }, [count]);
  return place;
}

/** The width at which so many tiles fill a place best. Below 140 pixels nobody is recognised: then one scrolls. */
export function widestTile(count: number, width: number, height: number): number {
  let widest = 140;
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const byWidth = (width - GAP_PX * (columns - 1)) / columns;
    const byHeight = ((height - GAP_PX * (rows - 1)) / rows) * SHAPE;
    widest = Math.max(widest, Math.min(byWidth, byHeight));
  }
  return Math.min(widest, width);
}

/** Alone in a private call: the others are rung, or can be again. */
function Waiting({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const channel = app.world.channelOf(room);
  const name = channel === undefined ? '' : app.world.titleOf(channel);
  const [other] = channel?.recipients ?? [];
  const rings = app.calls.outgoing.value === room.channel;
  return (
    <article class="tile waiting" aria-label={rings ? `Ringing ${name}` : name}>
      {other !== undefined && <Avatar user={other.id} name={name} size={84} />}
      <p role="status">{rings ? `Ringing ${name} …` : `${name} is not here.`}</p>
      {!rings && (
        <button type="button" class="button" onClick={() => void app.calls.ringAgain(room.channel)}>
          Ring again
        </button>
      )}
    </article>
  );
}

/** A room that one is not in: the way in, and of a private one its messages. */
function Entrance({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const channel = app.world.channelOf(room);
  if (channel === undefined) return <p class="empty muted">This room is not here any more.</p>;
  const names = app.world.inRoom(room.channel).map((state) => app.world.nameOf(state.user_id, state.guild_id));
  const title = app.world.titleOf(channel);
  const isPrivate = room.guild === null;
  const join = (): void => (isPrivate ? app.calls.start(room.channel) : app.enter(room));
  const here = names.length > 0 ? `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} here.` : 'Nobody is here.';
  const button = (
    <button type="button" class="button primary" onClick={join}>
      <Icon name={isPrivate ? 'phone' : 'speaker'} size={18} />
      {isPrivate && names.length === 0 ? `Call ${title}` : 'Join'}
    </button>
  );
  if (isPrivate) {
    return (
      <>
        <div class="entrance">
          <p class="muted">{names.length > 0 ? here : `Messages with ${title}`}</p>
          {button}
        </div>
        <ChatView room={room} />
      </>
    );
  }
  return (
    <div class="empty">
      <h1>{title}</h1>
      <p class="muted">{here}</p>
      {button}
    </div>
  );
}

function Controls({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const { mute, deaf } = settings.value;
  const silent = mute || deaf;
  const mayShow = room.guild === null || app.world.may(Permission.Stream, room);
  const camera = app.camera.value !== null;
  const screen = app.screen.value !== null;
  const panel = app.panel.value;
  const toggle = (which: 'chat' | 'network'): void => {
    app.panel.value = panel === which ? 'none' : which;
  };
  return (
    <div class="controls" role="group" aria-label="Call">
      <IconButton
        size="large"
        icon={silent ? 'microphoneOff' : 'microphone'}
        label={silent ? 'Unmute' : 'Mute'}
        tone={silent ? 'off' : 'plain'}
        keys="Control+Shift+M"
        onClick={() => app.setMute(!silent)}
      />
      {app.pushesToTalk.value && <TalkButton />}
      <OwnStanding room={room} />
      <IconButton
        size="large"
        icon={camera ? 'camera' : 'cameraOff'}
        label={camera ? 'Turn the camera off' : 'Turn the camera on'}
        tone={camera ? 'on' : 'plain'}
        disabled={!mayShow}
        onClick={() => void app.setCamera(!camera)}
      />
      {canShareScreen && (
        <IconButton
          size="large"
          icon="screen"
          label={screen ? 'Stop sharing the screen' : 'Share the screen'}
          tone={screen ? 'on' : 'plain'}
          disabled={!mayShow}
          onClick={() => (screen ? app.stopScreen() : void app.shareScreen())}
        />
      )}
      <IconButton
        size="large"
        icon={deaf ? 'headphonesOff' : 'headphones'}
        label={deaf ? 'Hear again' : 'Deafen'}
        tone={deaf ? 'off' : 'plain'}
        keys="Control+Shift+D"
        onClick={() => app.setDeaf(!deaf)}
      />
      <span class="controls-gap" />
      <IconButton size="large" icon="chat" label="Chat" expanded={panel === 'chat'} tone={panel === 'chat' ? 'on' : 'plain'} onClick={() => toggle('chat')} />
      <IconButton size="large" icon="chart" label="Network" expanded={panel === 'network'} tone={panel === 'network' ? 'on' : 'plain'} onClick={() => toggle('network')} />
      <IconButton
        size="large"
        icon="hangUp"
        label={room.guild === null ? 'Leave the call' : 'Leave the channel'}
        tone="danger"
        onClick={() => app.leave()}
      />
    </div>
  );
}

/** For fingers: speech passes while it is held. The keyboard has the talk key. */
function TalkButton(): JSX.Element {
  const app = useApp();
  const hold = (on: boolean) => (): void => {
    app.talking.value = on;
  };
  return (
    <button
      type="button"
      class={`button talk ${app.talking.value ? 'primary' : ''}`}
      onPointerDown={hold(true)}
      onPointerUp={hold(false)}
      onPointerLeave={hold(false)}
      onPointerCancel={hold(false)}
      onKeyDown={(event) => (event.key === ' ' || event.key === 'Enter') && hold(true)()}
      onKeyUp={hold(false)}
      onBlur={hold(false)}
    >
      Hold to talk
    </button>
  );
}
