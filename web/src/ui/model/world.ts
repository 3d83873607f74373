/** What the main Gateway has told: accounts, guilds, rooms, calls. */

import { computed, type Signal, signal } from '@preact/signals';
import {
  type Channel,
  type ChannelId,
  ChannelType,
  compareIds,
  type GatewayEvent,
  type Guild,
  type GuildId,
  type Member,
  type Permission,
  permissionsIn,
  type Ready,
  type Room,
  type User,
  type UserId,
  type VoiceState,
} from '../../protocol/index.ts';

/** A running call and who is rung. */
export interface Call {
  channel: ChannelId;
  ringing: UserId[];
}

type Table<Key, Value> = ReadonlyMap<Key, Value>;

/** The bit of a permission. */
export type PermissionBit = (typeof Permission)[keyof typeof Permission];

/** See the module. Tables are replaced as a whole, so that what is shown follows. */
export class World {
  readonly me = signal<User | null>(null);
  readonly guilds = signal<Table<GuildId, Guild>>(new Map());
  readonly users = signal<Table<UserId, User>>(new Map());
  readonly privateChannels = signal<Table<ChannelId, Channel>>(new Map());
  readonly calls = signal<Table<ChannelId, Call>>(new Map());
  /** By guild and account: people have one voice state in all, bots one in each guild. */
  readonly voiceStates = signal<Table<string, VoiceState>>(new Map());

  /** Guilds in the order in which they came to be. */
  readonly guildList = computed(() => [...this.guilds.value.values()].sort((a, b) => compareIds(a.id, b.id)));

  /** Who is in which room, in the order of their names. */
  readonly rooms = computed(() => {
    const rooms = new Map<ChannelId, VoiceState[]>();
    for (const state of this.voiceStates.value.values()) {
      if (state.channel_id === null) continue;
      rooms.set(state.channel_id, [...(rooms.get(state.channel_id) ?? []), state]);
    }
    for (const states of rooms.values()) {
      states.sort((a, b) => this.nameOf(a.user_id, a.guild_id).localeCompare(this.nameOf(b.user_id, b.guild_id)));
    }
    return rooms;
  });

  /** Who is in a room. */
  inRoom(channel: ChannelId): VoiceState[] {
    return this.rooms.value.get(channel) ?? [];
  }

  /** The channel of a room. */
  channelOf(room: Room): Channel | undefined {
    if (room.guild === null) return this.privateChannels.value.get(room.channel);
    return this.guilds.value.get(room.guild)?.channels.find((channel) => channel.id === room.channel);
  }

  /** What people call somebody. */
  nameOf(user: UserId, guild?: GuildId | null): string {
    const nick = guild ? this.member(guild, user)?.nick : null;
    const account = this.users.value.get(user);
    return nick || account?.global_name || account?.username || 'Someone';
  }

  /** What a channel is called; private ones after their people. */
  titleOf(channel: Channel): string {
    if (channel.name) return channel.name;
    const names = (channel.recipients ?? []).map((user) => this.nameOf(user.id));
    return names.length > 0 ? names.join(', ') : 'Empty group';
  }

  /** A member of a guild. */
  member(guild: GuildId, user: UserId): Member | undefined {
    return this.guilds.value.get(guild)?.members.find((member) => member.user?.id === user);
  }

  /** Whether one may do something in a room of a guild. */
  may(permission: PermissionBit, room: Room): boolean {
    const me = this.me.value;
    const guild = room.guild === null ? undefined : this.guilds.value.get(room.guild);
    const channel = this.channelOf(room);
    if (me === null || guild === undefined || channel === undefined) return false;
    return (permissionsIn(guild, channel, me.id, this.member(guild.id, me.id)) & permission) !== 0n;
  }

  /** The channels of a guild of some kinds, in their order. */
  channels(guild: Guild, ...kinds: number[]): Channel[] {
    const found = guild.channels.filter((channel) => kinds.includes(channel.type));
    return found.sort((a, b) => (a.position ?? 0) - (b.position ?? 0) || compareIds(a.id, b.id));
  }

  /** People one can call: those who share a guild, in the order of their names. */
  readonly people = computed(() => {
    const known = [...this.users.value.values()].filter((user) => !user.bot && user.id !== this.me.value?.id);
    return known.sort((a, b) => this.nameOf(a.id).localeCompare(this.nameOf(b.id)));
  });

  /** The private channel with one other person, if there is one. */
  privateChannelWith(user: UserId): Channel | undefined {
    const channels = [...this.privateChannels.value.values()];
    return channels.find((it) => it.type === ChannelType.Direct && it.recipients?.[0]?.id === user);
  }

  /** Takes a dispatch. */
  apply(event: GatewayEvent): void {
    switch (event.name) {
      case 'READY':
        return this.#begin(event.data);
      case 'USER_UPDATE':
        this.me.value = event.data;
        return this.#learn([event.data]);
      case 'GUILD_CREATE':
        return this.#addGuild(event.data);
      case 'GUILD_UPDATE':
        return this.#changeGuild(event.data.id, (guild) => ({ ...guild, ...event.data }));
      case 'GUILD_DELETE':
        return put(this.guilds, event.data.id, null);
      case 'GUILD_ROLE_CREATE':
      case 'GUILD_ROLE_UPDATE': {
        const { guild_id, role } = event.data;
        return this.#changeGuild(guild_id, (guild) => ({ ...guild, roles: [...without(guild.roles, role.id), role] }));
      }
      case 'GUILD_ROLE_DELETE': {
        const { guild_id, role_id } = event.data;
        return this.#changeGuild(guild_id, (guild) => ({ ...guild, roles: without(guild.roles, role_id) }));
      }
      case 'GUILD_MEMBER_ADD':
      case 'GUILD_MEMBER_UPDATE':
        return this.#addMembers(event.data.guild_id, [event.data]);
      case 'GUILD_MEMBERS_CHUNK':
        return this.#addMembers(event.data.guild_id, event.data.members);
      case 'GUILD_MEMBER_REMOVE': {
        const { guild_id, user } = event.data;
        const others = (guild: Guild): Member[] => guild.members.filter((member) => member.user?.id !== user.id);
        return this.#changeGuild(guild_id, (guild) => ({ ...guild, members: others(guild) }));
      }
      case 'CHANNEL_CREATE':
      case 'CHANNEL_UPDATE':
        return this.#putChannel(event.data);
      case 'CHANNEL_DELETE':
        return this.#dropChannel(event.data);
      case 'CHANNEL_RECIPIENT_ADD':
      case 'CHANNEL_RECIPIENT_REMOVE':
        return this.#changeRecipients(event);
      case 'VOICE_STATE_UPDATE':
        return this.#move(event.data);
      case 'CALL_CREATE':
        this.#moveAll(event.data.voice_states ?? [], null);
        return put(this.calls, event.data.channel_id, { channel: event.data.channel_id, ringing: event.data.ringing });
      case 'CALL_UPDATE':
        return put(this.calls, event.data.channel_id, { channel: event.data.channel_id, ringing: event.data.ringing });
      case 'CALL_DELETE':
        return put(this.calls, event.data.channel_id, null);
      default:
    }
  }

  #begin(ready: Ready): void {
    this.me.value = ready.user;
    this.users.value = new Map();
    this.voiceStates.value = new Map();
    this.calls.value = new Map();
    this.guilds.value = new Map();
    this.#learn([ready.user, ...(ready.users ?? []), ...ready.private_channels.flatMap((it) => it.recipients ?? [])]);
    this.privateChannels.value = new Map(ready.private_channels.map((channel) => [channel.id, channel]));
    for (const guild of ready.guilds) this.#addGuild(guild);
  }

  #addGuild(guild: Guild): void {
    if (guild.unavailable) return;
    this.#learn(guild.members.flatMap((member) => member.user ?? []));
    put(this.guilds, guild.id, guild);
    this.#moveAll(guild.voice_states, guild.id);
  }

  #changeGuild(id: GuildId, change: (guild: Guild) => Guild): void {
    const guild = this.guilds.value.get(id);
    if (guild !== undefined) put(this.guilds, id, change(guild));
  }

  #addMembers(id: GuildId, members: Member[]): void {
    this.#learn(members.flatMap((member) => member.user ?? []));
    const ids = new Set(members.map((member) => member.user?.id));
    const others = (guild: Guild): Member[] => guild.members.filter((member) => !ids.has(member.user?.id));
    this.#changeGuild(id, (guild) => ({ ...guild, members: [...others(guild), ...members] }));
  }

  #putChannel(channel: Channel): void {
    const { guild_id } = channel;
    if (guild_id === undefined) {
      this.#learn(channel.recipients ?? []);
      return put(this.privateChannels, channel.id, channel);
    }
    this.#changeGuild(guild_id, (guild) => ({ ...guild, channels: [...without(guild.channels, channel.id), channel] }));
  }

  #dropChannel(channel: Channel): void {
    const { guild_id } = channel;
    if (guild_id === undefined) return put(this.privateChannels, channel.id, null);
    this.#changeGuild(guild_id, (guild) => ({ ...guild, channels: without(guild.channels, channel.id) }));
  }

  #changeRecipients(event: Extract<GatewayEvent, { name: `CHANNEL_RECIPIENT_${string}` }>): void {
    const { channel_id, user } = event.data;
    const channel = this.privateChannels.value.get(channel_id);
    if (channel === undefined) return;
    this.#learn([user]);
    const others = without(channel.recipients ?? [], user.id);
    const recipients = event.name === 'CHANNEL_RECIPIENT_ADD' ? [...others, user] : others;
    put(this.privateChannels, channel_id, { ...channel, recipients });
  }

  #move(state: VoiceState): void {
    const { guild_id, member, user_id, channel_id } = state;
    if (guild_id && member) this.#addMembers(guild_id, [member]);
    put(this.voiceStates, `${guild_id ?? ''}:${user_id}`, channel_id === null ? null : state);
  }

  #moveAll(states: VoiceState[], guild_id: GuildId | null): void {
    for (const state of states) this.#move({ ...state, guild_id: state.guild_id ?? guild_id });
  }

  #learn(users: User[]): void {
    if (users.length === 0) return;
    this.users.value = new Map([...this.users.value, ...users.map((user): [UserId, User] => [user.id, user])]);
  }
}

function put<Key, Value>(table: Signal<Table<Key, Value>>, key: Key, value: Value | null): void {
  const changed = new Map(table.value);
  if (value === null) changed.delete(key);
  else changed.set(key, value);
  table.value = changed;
}

function without<Item extends { id: string }>(items: Item[], id: string): Item[] {
  return items.filter((item) => item.id !== id);
}
