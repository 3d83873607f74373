/** What one can do about somebody: how loud they are here, and what moderators may. */

import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ChannelType, Permission, type Room, type VoiceState } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { rest } from '../model/account.ts';
import { complain } from '../model/notices.ts';
import { setVolume, volumeOf } from '../model/settings.ts';
import { IconButton } from './basics.tsx';
import { StandingOf } from './stage.tsx';

/** See the module. */
export function PersonMenu({ state, name }: { state: VoiceState; name: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    if (menu.current !== null) place(menu.current);
    menu.current?.querySelector<HTMLElement>('input, button, select')?.focus();
    const outside = (event: Event): void => {
      if (!menu.current?.parentElement?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  function close(): void {
    setOpen(false);
    menu.current?.parentElement?.querySelector<HTMLElement>('.icon-button')?.focus();
  }

  return (
    <div class="tile-corner" onKeyDown={(event) => event.key === 'Escape' && close()}>
      <IconButton icon="more" label={`Options for ${name}`} expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <div class="menu" role="dialog" aria-label={`Options for ${name}`} id={id} ref={menu}>
          <label class="field">
            <span>Volume</span>
            <input
              type="range"
              min={0}
              max={100}
              step={5}
              value={Math.round(volumeOf(state.user_id) * 100)}
              onInput={(event) => setVolume(state.user_id, Number(event.currentTarget.value) / 100)}
            />
          </label>
          <Moderation state={state} done={close} />
        </div>
      )}
    </div>
  );
}

/** Puts a menu below its button, or where there is room. */
function place(menu: HTMLElement): void {
  const button = menu.parentElement?.getBoundingClientRect();
  if (button === undefined) return;
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(EDGE_PX, button.right - width)}px`;
  menu.style.top = `${Math.max(EDGE_PX, Math.min(button.bottom + EDGE_PX, window.innerHeight - height - EDGE_PX))}px`;
}

/** How far a menu stays from its button and from the edges of the window. */
const EDGE_PX = 6;

function Moderation({ state, done }: { state: VoiceState; done: () => void }): JSX.Element | null {
  const app = useApp();
  const { guild_id: guild, channel_id: channel, user_id: user } = state;
  if (!guild || channel === null) return null;
  const room: Room = { guild, channel };
  const change = (edit: Parameters<typeof rest.editMember>[2]): void => {
    rest.editMember(guild, user, edit).catch(complain);
    done();
  };
  const moves = app.world.may(Permission.MoveMembers, room);
  return (
    <>
      <StandingOf state={state} room={room} done={done} />
      {app.world.may(Permission.MuteMembers, room) && (
        <button type="button" class="menu-item" onClick={() => change({ mute: !state.mute })}>
          {state.mute ? 'Let speak again' : 'Mute for everyone'}
        </button>
      )}
      {app.world.may(Permission.DeafenMembers, room) && (
        <button type="button" class="menu-item" onClick={() => change({ deaf: !state.deaf })}>
          {state.deaf ? 'Let hear again' : 'Deafen'}
        </button>
      )}
      {moves && <Move room={room} move={(channel_id) => change({ channel_id })} />}
      {moves && (
        <button type="button" class="menu-item bad" onClick={() => change({ channel_id: null })}>
          Disconnect
        </button>
      )}
    </>
  );
}

function Move({ room, move }: { room: Room; move: (channel: Room['channel']) => void }): JSX.Element | null {
  const { world } = useApp();
  const guild = room.guild === null ? undefined : world.guilds.value.get(room.guild);
  if (guild === undefined) return null;
  const others = world
    .channels(guild, ChannelType.GuildVoice, ChannelType.GuildStage)
    .filter((channel) => channel.id !== room.channel);
  if (others.length === 0) return null;
  return (
    <label class="field">
      <span>Move to</span>
      <select value="" onChange={(event) => move(event.currentTarget.value as Room['channel'])}>
        <option value="" disabled>
          Choose a channel
        </option>
        {others.map((channel) => (
          <option key={channel.id} value={channel.id}>
            {channel.name}
          </option>
        ))}
      </select>
    </label>
  );
}
