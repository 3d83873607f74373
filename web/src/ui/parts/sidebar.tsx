/** Where one can go: guilds with their rooms and who is in them, people to call, and oneself at the foot. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { speaking } from '../../media/levels.ts';
import { type Channel, ChannelType, type Guild, type Room, sameRoom, type UserId, type VoiceState } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { settings } from '../model/settings.ts';
import { Avatar, Hidden, IconButton } from './basics.tsx';
import { GatewayEnded } from './gateway-ended.tsx';
import { Icon } from './icons.tsx';

/** See the module. */
export function Sidebar({ openSettings }: { openSettings: () => void }): JSX.Element {
  const { world } = useApp();
  return (
    <nav class="sidebar" aria-label="Rooms and people">
      <div class="sidebar-scroll">
        {world.guildList.value.map((guild) => (
          <GuildSection key={guild.id} guild={guild} />
        ))}
        <PrivateSection />
      </div>
      <div class="only-narrow">
        <GatewayEnded />
      </div>
      <OwnPanel openSettings={openSettings} />
    </nav>
  );
}

function GuildSection({ guild }: { guild: Guild }): JSX.Element {
  const { world } = useApp();
  const texts = world.channels(guild, ChannelType.GuildText);
  const voices = world.channels(guild, ChannelType.GuildVoice, ChannelType.GuildStage);
  return (
    <section aria-labelledby={`guild-${guild.id}`}>
      <h2 id={`guild-${guild.id}`}>{guild.name}</h2>
      <ul>
        {texts.map((channel) => (
          <TextChannel key={channel.id} channel={channel} room={{ guild: guild.id, channel: channel.id }} />
        ))}
        {voices.map((channel) => (
          <VoiceChannel key={channel.id} channel={channel} room={{ guild: guild.id, channel: channel.id }} />
        ))}
      </ul>
    </section>
  );
}

function TextChannel({ channel, room }: { channel: Channel; room: Room }): JSX.Element {
  const app = useApp();
  const place = app.place.value;
  const shown = place.kind === 'text' && sameRoom(place.room, room);
  return (
    <li>
      <button
        type="button"
        class="entry"
        aria-current={shown ? 'page' : undefined}
        onClick={() => app.show({ kind: 'text', room })}
      >
        <Icon name="text" size={18} />
        <span class="entry-name">{channel.name}</span>
      </button>
    </li>
  );
}

function VoiceChannel({ channel, room }: { channel: Channel; room: Room }): JSX.Element {
  const app = useApp();
  const place = app.place.value;
  const people = app.world.inRoom(channel.id);
  const here = sameRoom(app.room.value, room);
  const shown = place.kind === 'room' && sameRoom(place.room, room);
  const limit = channel.user_limit ?? 0;
  return (
    <li>
      <button
        type="button"
        class={`entry ${here ? 'here' : ''}`}
        aria-current={shown ? 'page' : undefined}
        onClick={() => app.enter(room)}
      >
        <Icon name={channel.type === ChannelType.GuildStage ? 'stage' : 'speaker'} size={18} />
        <span class="entry-name">{channel.name}</span>
        {limit > 0 && (
          <span class="count">
            {people.length}/{limit}
          </span>
        )}
        <Hidden>{here ? ', voice channel, you are in it' : `, join this voice channel, ${people.length} in it`}</Hidden>
      </button>
      {people.length > 0 && (
        <ul class="occupants" aria-label={`In ${channel.name}`}>
          {people.map((state) => (
            <Occupant key={state.user_id} state={state} here={here} />
          ))}
        </ul>
      )}
    </li>
  );
}

function Occupant({ state, here }: { state: VoiceState; here: boolean }): JSX.Element {
  const { world } = useApp();
  const name = world.nameOf(state.user_id, state.guild_id);
  const loud = here && speaking.value.has(state.user_id);
  return (
    <li class={`occupant ${loud ? 'speaking' : ''}`}>
      <Avatar user={state.user_id} name={name} size={22} />
      <span class="entry-name">{name}</span>
      <Marks state={state} />
    </li>
  );
}

/** How somebody is in a room, in drawings. */
export function Marks({ state }: { state: VoiceState }): JSX.Element {
  const muted = state.mute || state.self_mute || state.suppress;
  const deaf = state.deaf || state.self_deaf;
  return (
    <span class="marks">
      {state.self_stream === true && <span class="badge live">Live</span>}
      {state.self_video && <Mark name="camera" text="camera on" />}
      {muted && <Mark name="microphoneOff" text={state.mute ? 'muted by a moderator' : 'muted'} bad={state.mute} />}
      {deaf && <Mark name="headphonesOff" text="deaf" bad={state.deaf} />}
    </span>
  );
}

function Mark({ name, text, bad = false }: { name: 'camera' | 'microphoneOff' | 'headphonesOff'; text: string; bad?: boolean }): JSX.Element {
  return (
    <span class={bad ? 'mark bad' : 'mark'} title={text}>
      <Icon name={name} size={14} />
      <Hidden>{text}</Hidden>
    </span>
  );
}

function PrivateSection(): JSX.Element {
  const app = useApp();
  const { world } = app;
  const [all, setAll] = useState(false);
  const channels = [...world.privateChannels.value.values()];
  const known = new Set(channels.flatMap((channel) => (channel.recipients ?? []).map((user) => user.id)));
  const others = world.people.value.filter((user) => !known.has(user.id));
  const shown = all ? others : others.slice(0, 6);
  return (
    <section aria-labelledby="people">
      <h2 id="people">People</h2>
      <ul>
        {channels.map((channel) => (
          <PrivateChannel key={channel.id} channel={channel} />
        ))}
        {shown.map(({ id }) => (
          <PersonEntry
            key={id}
            user={id}
            name={world.nameOf(id)}
            open={() => void app.calls.show(id)}
            call={() => void app.calls.call(id)}
          />
        ))}
        {others.length > shown.length && (
          <li>
            <button type="button" class="link" onClick={() => setAll(true)}>
              {others.length - shown.length} more
            </button>
          </li>
        )}
        {channels.length + others.length === 0 && <li class="muted hint">Nobody else is here yet.</li>}
      </ul>
    </section>
  );
}

function PrivateChannel({ channel }: { channel: Channel }): JSX.Element {
  const app = useApp();
  const room: Room = { guild: null, channel: channel.id };
  const place = app.place.value;
  const people = app.world.inRoom(channel.id);
  return (
    <PersonEntry
      user={channel.recipients?.[0]?.id ?? null}
      name={app.world.titleOf(channel)}
      here={sameRoom(app.room.value, room)}
      shown={place.kind !== 'home' && sameRoom(place.room, room)}
      called={people.length > 0}
      open={() => app.show({ kind: 'room', room })}
      call={() => app.calls.start(channel.id)}
    />
  );
}

interface PersonEntryProps {
  /** Whose face is shown; of a group, somebody's. */
  user: UserId | null;
  name: string;
  here?: boolean;
  shown?: boolean;
  /** A call runs. */
  called?: boolean;
  open: () => void;
  call: () => void;
}

function PersonEntry(props: PersonEntryProps): JSX.Element {
  const { user, name, here = false, shown = false, called = false, open, call } = props;
  return (
    <li class="entry-row">
      <button type="button" class={`entry ${here ? 'here' : ''}`} aria-current={shown ? 'page' : undefined} onClick={open}>
        {user !== null && <Avatar user={user} name={name} size={22} />}
        <span class="entry-name">{name}</span>
        {called && <span class="badge">in a call</span>}
      </button>
      {!here && <IconButton icon="phone" label={called ? `Join the call with ${name}` : `Call ${name}`} onClick={call} />}
    </li>
  );
}

function OwnPanel({ openSettings }: { openSettings: () => void }): JSX.Element {
  const app = useApp();
  const me = app.world.me.value;
  const { mute, deaf } = settings.value;
  const name = me === null ? '' : app.world.nameOf(me.id);
  return (
    <div class="own">
      {me !== null && <Avatar user={me.id} name={name} size={32} />}
      <div class="own-name">
        <strong>{name}</strong>
        <Connection />
      </div>
      <IconButton
        icon={mute || deaf ? 'microphoneOff' : 'microphone'}
        label={mute || deaf ? 'Unmute' : 'Mute'}
        keys="Control+Shift+M"
        tone={mute || deaf ? 'off' : 'plain'}
        onClick={() => app.setMute(!(mute || deaf))}
      />
      <IconButton
        icon={deaf ? 'headphonesOff' : 'headphones'}
        label={deaf ? 'Hear again' : 'Deafen'}
        keys="Control+Shift+D"
        tone={deaf ? 'off' : 'plain'}
        onClick={() => app.setDeaf(!deaf)}
      />
      <IconButton icon="gear" label="Settings" onClick={openSettings} />
    </div>
  );
}

/** How things stand, in a word. */
function Connection(): JSX.Element {
  const app = useApp();
  const [text, tone] = connectionText(app);
  return (
    <span class={`connection ${tone}`} role="status">
      {text}
    </span>
  );
}

function connectionText(app: ReturnType<typeof useApp>): [string, 'good' | 'busy' | 'bad'] {
  const gateway = app.gatewayState.value.phase;
  if (gateway === 'lost') return ['Connection lost, trying again', 'bad'];
  if (gateway === 'ended') return ['Disconnected', 'bad'];
  if (gateway !== 'ready') return ['Connecting', 'busy'];
  const { phase } = app.join.value;
  if (phase === 'out') return ['Online', 'good'];
  if (phase === 'returning') return ['Coming back', 'bad'];
  if (phase === 'joining' || app.transport.value !== 'connected') return ['Joining', 'busy'];
  return app.link.value === 'connected' ? ['Connected', 'good'] : ['Connection lost, trying again', 'bad'];
}
