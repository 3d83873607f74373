/**
 * Being in a room, without a socket and without a clock.
 *
 * A person's session has one voice state in all. The machine asks for it (op 4), waits for the two events that answer,
 * in either order, follows moves, and comes back by itself after what can be mended.
 */

import { Backoff, type Random } from '../backoff.ts';
import type { VoiceServerUpdate, VoiceState, VoiceStateRequest } from '../gateway/messages.ts';
import type { ChannelId, GuildId, ServerId, SessionId, UserId } from '../ids.ts';
import type { VoiceEnd } from '../voice/machine.ts';
import type { VoiceTicket } from '../voice/messages.ts';

/** A voice channel of a guild, or a private channel. */
export interface Room {
  guild: GuildId | null;
  channel: ChannelId;
}

/** What is said about oneself in op 4. */
export interface Flags {
  mute: boolean;
  deaf: boolean;
  video: boolean;
}

/** Why one is in no room any more, without having left. */
export type OutReason =
  /** The server did not answer: the room is full, gone, or may not be entered. */
  | 'refused'
  /** A moderator, or the end of the call or channel. */
  | 'disconnected'
  /** The same account joined with another session. */
  | 'elsewhere'
  /** The voice server refuses what this client says. */
  | 'incompatible';

/** How it stands. */
export type JoinState =
  | { phase: 'out'; reason: OutReason | null }
  /** Asked, and on the way to a voice server. */
  | { phase: 'joining'; room: Room }
  /** There is a voice connection. */
  | { phase: 'in'; room: Room }
  /** The voice connection is lost; another one comes. */
  | { phase: 'returning'; room: Room };

/** What the machine asks for. */
export type JoinOutput =
  | { kind: 'ask'; request: VoiceStateRequest }
  /** Open a voice connection in place of the one there is. */
  | { kind: 'connect'; ticket: VoiceTicket }
  /** Close the voice connection. */
  | { kind: 'disconnect' }
  | { kind: 'state'; state: JoinState };

/** How long the answer to op 4 may take. */
const ANSWER_MS = 10_000;
/** The same where one was in the room already: it may be that the server saw nothing to answer. */
const ANSWER_AGAIN_MS = 3_000;
/** How long a server update may take after one was disconnected, or after the server went. */
const MOVE_MS = 5_000;
const NEW_SERVER_MS = 60_000;

const OUT: JoinState = { phase: 'out', reason: null };

/** See the module. */
export class JoinMachine {
  #state: JoinState = OUT;
  #flags: Flags = { mute: false, deaf: false, video: false };
  #session: SessionId | null = null;
  /** Whether the session hears what is asked now. */
  #ready = false;
  /** The channel that the server last said one is in. */
  #confirmed: VoiceState | null = null;
  #server: VoiceServerUpdate | null = null;
  /** Op 4 is to be sent as soon as there is a session. */
  #owes = false;
  /** Leaving was said, or is to be, and nothing shows yet that the server heard it. */
  #leaves = false;
  #answerUntil: number | null = null;
  #serverUntil: number | null = null;
  #retryAt: number | null = null;
  #unanswered = 0;
  #backoff: Backoff;

  constructor(
    private readonly self: UserId,
    random: Random,
  ) {
    this.#backoff = new Backoff(500, 10_000, random);
  }

  /** How it stands. */
  get state(): JoinState {
    return this.#state;
  }

  /** The room one is in or on the way to. */
  get room(): Room | null {
    return this.#state.phase === 'out' ? null : this.#state.room;
  }

  /** Joins a room, or moves to it. */
  join(now: number, room: Room): JoinOutput[] {
    if (sameRoom(this.room, room) && this.#state.phase !== 'returning') return [];
    const outputs: JoinOutput[] = this.#state.phase === 'out' ? [] : [{ kind: 'disconnect' }];
    this.#forget();
    return [...outputs, ...this.#enter({ phase: 'joining', room }), ...this.#ask(now)];
  }

  /** Leaves: the voice connection goes first. */
  leave(): JoinOutput[] {
    if (this.#state.phase === 'out') return [];
    return [{ kind: 'disconnect' }, ...this.#enter(OUT), ...this.#askToLeave()];
  }

  /** Says something else about oneself. */
  setFlags(flags: Flags): JoinOutput[] {
    this.#flags = flags;
    if (this.#state.phase === 'out' || !this.#ready || this.#owes) return [];
    return [{ kind: 'ask', request: this.#request(this.#state.room) }];
  }

  /** The main Gateway has a session: a new one, or the old one again. What it may not have heard is said now. */
  sessionReady(now: number, session: SessionId): JoinOutput[] {
    const isNew = session !== this.#session;
    this.#session = session;
    this.#ready = true;
    // The old session's place in a room ends with it.
    if (isNew) this.#leaves = false;
    const left = this.#leaves ? this.#askToLeave() : [];
    if (this.#state.phase === 'out') return left;
    // What was heard belongs to the old session; whoever is connected stays so until there is a new ticket.
    if (isNew) {
      this.#confirmed = null;
      this.#server = null;
    }
    if (isNew || this.#owes) return [...left, ...this.#ask(now)];
    return this.#state.phase === 'in' ? this.setFlags(this.#flags) : [];
  }

  /** The main Gateway is lost: what must be asked waits. */
  sessionLost(): JoinOutput[] {
    this.#ready = false;
    if (this.#answerUntil !== null) this.#owes = true;
    this.#answerUntil = null;
    return [];
  }

  /** A voice state of one's own account. */
  voiceState(now: number, state: VoiceState): JoinOutput[] {
    if (state.user_id !== this.self) return [];
    if (state.channel_id === null && state.session_id === this.#session) this.#leaves = false;
    if (this.#state.phase === 'out') return [];
    if (state.session_id !== this.#session) {
      return state.channel_id === null ? [] : this.#putOut('elsewhere');
    }
    if (state.channel_id === null) return this.#nowhere(state);
    const room = { guild: state.guild_id ?? null, channel: state.channel_id };
    const moved = this.#confirmed !== null && this.#confirmed.channel_id !== state.channel_id;
    this.#confirmed = state;
    const outputs: JoinOutput[] = [];
    if (!sameRoom(this.#state.room, room) && moved) {
      // The voice connection is left to its server, which closes it in a while.
      outputs.push(...this.#enter({ phase: 'joining', room }));
      this.#answerUntil = now + ANSWER_MS;
    }
    return [...outputs, ...this.#connect()];
  }

  /** Where the call runs. */
  voiceServer(now: number, update: VoiceServerUpdate): JoinOutput[] {
    const state = this.#state;
    if (state.phase === 'out' || update.guild_id !== state.room.guild) return [];
    if (update.endpoint === null) {
      this.#serverUntil = now + NEW_SERVER_MS;
      this.#answerUntil = null;
      return [{ kind: 'disconnect' }, ...this.#enter({ phase: 'returning', room: state.room })];
    }
    this.#server = update;
    return this.#connect();
  }

  /** Media flow: whatever fails next is another failure, and is mended soon. */
  connected(): void {
    this.#backoff.reset();
  }

  /** The voice connection is over. */
  voiceEnded(now: number, end: VoiceEnd): JoinOutput[] {
    const state = this.#state;
    if (state.phase === 'out' || state.phase === 'joining') return [];
    switch (end.action) {
      case 'stop':
        return [...this.#putOut('incompatible'), ...this.#askToLeave()];
      case 'await':
        this.#serverUntil = now + MOVE_MS;
        break;
      case 'rejoin':
        this.#retryAt = now + this.#backoff.next();
        break;
    }
    return this.#enter({ phase: 'returning', room: state.room });
  }

  /** The network may be another one: try again now. */
  networkChanged(now: number): JoinOutput[] {
    return this.#retryAt === null ? [] : this.#ask(now);
  }

  /** When {@link expired} wants to be called. */
  get deadline(): number | null {
    const times = [this.#answerUntil, this.#serverUntil, this.#retryAt].filter((time) => time !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Does what is due. */
  expired(now: number): JoinOutput[] {
    const due = (time: number | null): boolean => time !== null && now >= time;
    if (due(this.#serverUntil)) return this.#putOut('disconnected');
    if (due(this.#retryAt)) return this.#ask(now);
    return due(this.#answerUntil) ? this.#noAnswer(now) : [];
  }

  #ask(now: number): JoinOutput[] {
    this.#retryAt = null;
    const room = this.room;
    if (room === null) return [];
    this.#owes = !this.#ready;
    if (this.#owes) return [];
    const returning = this.#state.phase !== 'joining';
    this.#answerUntil = now + (returning && this.#unanswered === 0 ? ANSWER_AGAIN_MS : ANSWER_MS);
    return [{ kind: 'ask', request: this.#request(room) }];
  }

  /**
   * Who comes back may find that the server still counts on the old voice connection and answers nothing. Then one
   * leaves and joins. Whoever gets no answer after that is not wanted.
   */
  #noAnswer(now: number): JoinOutput[] {
    this.#unanswered += 1;
    if (this.#state.phase === 'joining' || this.#unanswered > 1) {
      return [...this.#putOut('refused'), ...this.#askToLeave()];
    }
    return [...this.#askToLeave(), ...this.#ask(now)];
  }

  #askToLeave(): JoinOutput[] {
    this.#leaves = true;
    if (!this.#ready) return [];
    const { mute, deaf } = this.#flags;
    const request = { guild_id: null, channel_id: null, self_mute: mute, self_deaf: deaf, self_video: false };
    return [{ kind: 'ask', request }];
  }

  #request({ guild, channel }: Room): VoiceStateRequest {
    const { mute, deaf, video } = this.#flags;
    return { guild_id: guild, channel_id: channel, self_mute: mute, self_deaf: deaf, self_video: video };
  }

  #connect(): JoinOutput[] {
    const room = this.room;
    const { endpoint = null, token = '' } = this.#server ?? {};
    const state = this.#confirmed;
    if (room === null || endpoint === null || state === null || state.channel_id !== room.channel) return [];
    this.#server = null;
    this.#leaves = false;
    this.#answerUntil = null;
    this.#serverUntil = null;
    this.#retryAt = null;
    this.#unanswered = 0;
    const server_id = (room.guild ?? room.channel) as string as ServerId;
    const { session_id, user_id } = state;
    const ticket = { endpoint, server_id, channel_id: room.channel, user_id, session_id, token };
    return [{ kind: 'connect', ticket }, ...this.#enter({ phase: 'in', room })];
  }

  #nowhere(state: VoiceState): JoinOutput[] {
    // Between guilds, the old one hears of the leave first; and a leave of one's own is followed by a join.
    const expected = this.#answerUntil !== null || this.#owes;
    const there = this.#confirmed?.channel_id ?? null;
    const foreign = (state.guild_id ?? null) !== (this.room?.guild ?? null);
    this.#confirmed = null;
    if (expected || (foreign && there === null)) return [];
    return this.#putOut('disconnected');
  }

  #putOut(reason: OutReason): JoinOutput[] {
    return [{ kind: 'disconnect' }, ...this.#enter({ phase: 'out', reason })];
  }

  #enter(state: JoinState): JoinOutput[] {
    this.#state = state;
    if (state.phase === 'out') this.#forget();
    return [{ kind: 'state', state }];
  }

  #forget(): void {
    this.#confirmed = null;
    this.#server = null;
    this.#owes = false;
    this.#answerUntil = null;
    this.#serverUntil = null;
    this.#retryAt = null;
    this.#unanswered = 0;
  }
}

/** Whether two rooms are one. */
export function sameRoom(a: Room | null, b: Room | null): boolean {
  return a !== null && b !== null && a.guild === b.guild && a.channel === b.channel;
}
