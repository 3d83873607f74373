/** Stages: who listens raises a hand, moderators invite, who is invited accepts or stays. */

import type { JSX } from 'preact';
import { ChannelType, Permission, type Room, type VoiceState } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { rest } from '../model/account.ts';
import { complain } from '../model/notices.ts';
import { standing } from '../model/stage.ts';

/** What one can do about one's own place on a stage. */
export function OwnStanding({ room }: { room: Room }): JSX.Element | null {
  const { world } = useApp();
  const own = world.inRoom(room.channel).find((state) => state.user_id === world.me.value?.id);
  const { guild, channel: channel_id } = room;
  if (own === undefined || guild === null || world.channelOf(room)?.type !== ChannelType.GuildStage) return null;
  const change = (edit: { suppress?: boolean; request_to_speak_timestamp?: string | null }) => (): void => {
    rest.editOwnVoiceState(guild, { channel_id, ...edit }).catch(complain);
  };
  const step = (label: string, action: () => void, primary = false): JSX.Element => (
    <button type="button" class={primary ? 'button primary' : 'button'} onClick={action}>
      {label}
    </button>
  );
  const back = change({ suppress: true });
  switch (standing(own)) {
    case 'listens':
      return step('Raise a hand', () => change({ request_to_speak_timestamp: soon() })());
    case 'asks':
      return step('Lower the hand', change({ request_to_speak_timestamp: null }));
    case 'invited':
      return (
        <>
          {step('Speak', change({ suppress: false, request_to_speak_timestamp: null }), true)}
          {step('Only listen', back)}
        </>
      );
    case 'speaks':
      return step('Back to the audience', back);
  }
}

/** The server takes no time of the past, and an answer takes a while. */
const AHEAD_MS = 60_000;

function soon(): string {
  return new Date(rest.serverTime + AHEAD_MS).toISOString();
}

/** What moderators of a stage can do about somebody's place on it. */
export function StandingOf({ state, room, done }: { state: VoiceState; room: Room; done: () => void }): JSX.Element | null {
  const { world } = useApp();
  const { guild } = room;
  const onStage = world.channelOf(room)?.type === ChannelType.GuildStage;
  if (guild === null || !onStage || !world.may(Permission.MuteMembers, room)) return null;
  const { suppress } = state;
  const change = (): void => {
    rest.editVoiceState(guild, state.user_id, { channel_id: room.channel, suppress: !suppress }).catch(complain);
    done();
  };
  return (
    <button type="button" class="menu-item" onClick={change}>
      {suppress ? 'Invite to speak' : 'Move to the audience'}
    </button>
  );
}

/** A raised hand, where there is one. */
export function Hand({ state }: { state: VoiceState }): JSX.Element | null {
  return standing(state) === 'asks' ? <span class="badge">asks to speak</span> : null;
}
