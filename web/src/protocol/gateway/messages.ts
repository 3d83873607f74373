/** What travels over the main Gateway, as far as a page uses it. Unknown fields are kept out of the types. */

import type { ChannelId, GuildId, MessageId, ServerId, SessionId, UserId } from '../ids.ts';
import type { GatewayOp } from '../opcodes.ts';

/** A message either way. `s` and `t` stand on dispatches alone. */
export interface GatewayMessage {
  op: GatewayOp | number;
  d?: unknown;
  s?: number | null;
  t?: string | null;
}

/** An account. */
export interface User {
  id: UserId;
  username: string;
  global_name?: string | null;
  discriminator?: string;
  bot?: boolean;
}

/** A member of a guild. */
export interface Member {
  user?: User;
  nick?: string | null;
  roles: string[];
  joined_at: string;
  mute: boolean;
  deaf: boolean;
  communication_disabled_until?: string | null;
}

/** A role of a guild; `permissions` is a decimal number. */
export interface Role {
  id: string;
  name: string;
  permissions: string;
  position: number;
}

/** What a channel gives to or takes from a role (type 0) or a member (type 1). */
export interface Overwrite {
  id: string;
  type: 0 | 1;
  allow: string;
  deny: string;
}

/** Kinds of channels. */
export const ChannelType = {
  GuildText: 0,
  Direct: 1,
  GuildVoice: 2,
  Group: 3,
  GuildCategory: 4,
  GuildStage: 13,
} as const;
export type ChannelType = (typeof ChannelType)[keyof typeof ChannelType];

/** A channel of a guild, or a private one with its other people. */
export interface Channel {
  id: ChannelId;
  type: ChannelType | number;
  guild_id?: GuildId;
  name?: string | null;
  position?: number;
  parent_id?: ChannelId | null;
  permission_overwrites?: Overwrite[];
  bitrate?: number;
  user_limit?: number;
  recipients?: User[];
  owner_id?: UserId;
  last_message_id?: MessageId | null;
}

/** Who is in which room, and how. */
export interface VoiceState {
  guild_id?: GuildId | null;
  channel_id: ChannelId | null;
  user_id: UserId;
  session_id: SessionId;
  deaf: boolean;
  mute: boolean;
  self_deaf: boolean;
  self_mute: boolean;
  self_video: boolean;
  self_stream?: boolean;
  suppress: boolean;
  /** On a stage: since when a hand is raised, or that one is invited to speak. */
  request_to_speak_timestamp?: string | null;
  member?: Member;
}

/** A guild as a person's session is told of it. */
export interface Guild {
  id: GuildId;
  name: string;
  owner_id: UserId;
  roles: Role[];
  members: Member[];
  channels: Channel[];
  voice_states: VoiceState[];
  unavailable?: boolean;
}

/** The first dispatch of a session. */
export interface Ready {
  v: number;
  user: User;
  session_id: SessionId;
  resume_gateway_url: string;
  guilds: Guild[];
  private_channels: Channel[];
  users?: User[];
}

/** Where a call runs; `endpoint` is `null` while its server is gone. */
export interface VoiceServerUpdate {
  token: string;
  guild_id: GuildId | null;
  channel_id?: ChannelId;
  endpoint: string | null;
}

/** A call in a private channel. */
export interface CallCreate {
  channel_id: ChannelId;
  message_id?: MessageId;
  region?: string | null;
  ringing: UserId[];
  voice_states?: VoiceState[];
}

/** Another region, or other people that are rung. */
export interface CallUpdate {
  channel_id: ChannelId;
  ringing: UserId[];
}

/** A call that is over, or that lost its server. */
export interface CallDelete {
  channel_id: ChannelId;
  unavailable?: boolean;
}

/** Names a Go Live stream: `guild:<guild>:<channel>:<owner>` or `call:<channel>:<owner>`. */
export type StreamKey = string;

/** A stream that one publishes or watches now. */
export interface StreamCreate {
  stream_key: StreamKey;
  rtc_server_id: ServerId;
  rtc_channel_id?: ChannelId;
  region?: string | null;
  viewer_ids: UserId[];
  paused: boolean;
}

/** Where a stream runs. */
export interface StreamServerUpdate {
  token: string;
  stream_key: StreamKey;
  endpoint: string | null;
}

/** Who watches a stream, and whether it pauses. */
export interface StreamUpdate {
  stream_key: StreamKey;
  viewer_ids: UserId[];
  paused: boolean;
}

/** A stream that is over, or that one may not see. */
export interface StreamDelete {
  stream_key: StreamKey;
  reason?: string;
}

/** A message of a channel. */
export interface Message {
  id: MessageId;
  channel_id: ChannelId;
  author: User;
  content: string;
  timestamp: string;
  type: number;
  edited_timestamp?: string | null;
  flags?: number;
  call?: { participants: UserId[]; ended_timestamp: string | null };
  interaction_metadata?: { name?: string; user?: User };
  interaction?: { name: string; user?: User };
  mentions?: User[];
  nonce?: string | number;
}

/** What became of a command that was used. */
export interface InteractionOutcome {
  id: string;
  nonce?: string | null;
}

/** Dispatches that a page uses, with what they carry. */
export interface GatewayEvents {
  READY: Ready;
  RESUMED: unknown;
  GUILD_CREATE: Guild;
  GUILD_UPDATE: Partial<Guild> & { id: GuildId };
  GUILD_DELETE: { id: GuildId; unavailable?: boolean };
  GUILD_ROLE_CREATE: { guild_id: GuildId; role: Role };
  GUILD_ROLE_UPDATE: { guild_id: GuildId; role: Role };
  GUILD_ROLE_DELETE: { guild_id: GuildId; role_id: string };
  GUILD_MEMBER_ADD: Member & { guild_id: GuildId };
  GUILD_MEMBER_UPDATE: Member & { guild_id: GuildId };
  GUILD_MEMBER_REMOVE: { guild_id: GuildId; user: User };
  GUILD_MEMBERS_CHUNK: { guild_id: GuildId; members: Member[] };
  CHANNEL_CREATE: Channel;
  CHANNEL_UPDATE: Channel;
  CHANNEL_DELETE: Channel;
  CHANNEL_RECIPIENT_ADD: { channel_id: ChannelId; user: User };
  CHANNEL_RECIPIENT_REMOVE: { channel_id: ChannelId; user: User };
  VOICE_STATE_UPDATE: VoiceState;
  VOICE_SERVER_UPDATE: VoiceServerUpdate;
  MESSAGE_CREATE: Message;
  MESSAGE_UPDATE: Partial<Message> & { id: MessageId; channel_id: ChannelId };
  MESSAGE_DELETE: { id: MessageId; channel_id: ChannelId };
  CALL_CREATE: CallCreate;
  CALL_UPDATE: CallUpdate;
  CALL_DELETE: CallDelete;
  STREAM_CREATE: StreamCreate;
  STREAM_SERVER_UPDATE: StreamServerUpdate;
  STREAM_UPDATE: StreamUpdate;
  STREAM_DELETE: StreamDelete;
  USER_UPDATE: User;
  INTERACTION_SUCCESS: InteractionOutcome;
  INTERACTION_FAILURE: InteractionOutcome;
}

/** A dispatch, by its name. */
export type GatewayEvent = {
  [Name in keyof GatewayEvents]: { name: Name; data: GatewayEvents[Name] };
}[keyof GatewayEvents];

/** Op 4: joins, moves, leaves, mutes. */
export interface VoiceStateRequest {
  guild_id: GuildId | null;
  channel_id: ChannelId | null;
  self_mute: boolean;
  self_deaf: boolean;
  self_video: boolean;
}

/** Which stream of a room. */
export function streamKey(guild: GuildId | null, channel: ChannelId, owner: UserId): StreamKey {
  return guild === null ? `call:${channel}:${owner}` : `guild:${guild}:${channel}:${owner}`;
}

/** Whose stream it is; its last part. */
export function streamOwner(key: StreamKey): UserId {
  return key.slice(key.lastIndexOf(':') + 1) as UserId;
}
