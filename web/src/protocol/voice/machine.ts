/**
 * The client's side of a voice-gateway session, without a socket and without a clock.
 *
 * It identifies, keeps the heartbeat with `seq_ack`, resumes after a lost socket, and keeps the roster. Transport is
 * somebody else's: the machine says when Ready and the session description are there.
 */

import { Backoff, type Random } from '../backoff.ts';
import { VoiceClose, VoiceOp, voiceCloseAction } from '../opcodes.ts';
import type { LayerPlan } from '../webrtc/layers.ts';
import type {
  SelectProtocol,
  SessionDescription,
  SessionUpdate,
  SinkWants,
  Speaking,
  StreamType,
  VideoState,
  VoiceMessage,
  VoiceReady,
  VoiceTicket,
} from './messages.ts';
import { Roster } from './roster.ts';

/** The version of the voice gateway that is spoken. */
export const VOICE_VERSION = 9;

/** Why a voice session is over, and what its owner should do. */
export interface VoiceEnd {
  /**
   * `rejoin`: ask the main Gateway for a fresh token. `await`: a server update may come; without one, one was put
   * out. `stop`: the same again would fail again.
   */
  action: 'rejoin' | 'await' | 'stop';
  /** The close code, or 1006. */
  code: number;
}

/** What the machine asks for and tells of. */
export type VoiceOutput =
  | { kind: 'dial'; url: string }
  | { kind: 'send'; message: VoiceMessage }
  /** Close the socket; nothing that still comes from it matters. */
  | { kind: 'hangUp'; code: number }
  /** Now Select Protocol may be sent. */
  | { kind: 'ready'; ready: VoiceReady }
  | { kind: 'description'; description: SessionDescription }
  | { kind: 'update'; update: SessionUpdate }
  /** People or their streams have changed. */
  | { kind: 'roster' }
  /** What the server wants to be sent. */
  | { kind: 'wants'; wants: SinkWants }
  | { kind: 'link'; link: VoiceLink }
  | { kind: 'ended'; end: VoiceEnd };

/** How signalling stands. Media go on while it is `lost`. */
export type VoiceLink = 'connecting' | 'connected' | 'lost' | 'ended';

/** What a session begins with. */
export interface VoiceOptions {
  ticket: VoiceTicket;
  /** `ws` or `wss`. */
  scheme: 'ws' | 'wss';
  /** What kind of video this connection publishes, and in which layers. */
  streamType: StreamType;
  layers: readonly Pick<LayerPlan, 'rid' | 'quality'>[];
  random: Random;
}

/** How long a socket may take to open, and the server to answer Identify or Resume. */
const PATIENCE_MS = 10_000;
/** Heartbeats are sent at least this often: they measure the round trip as well. */
const MOST_BEAT_MS = 5_000;
/** How long a lost socket is tried to be resumed; the server keeps the session for 60 s. */
const RESUME_FOR_MS = 55_000;
/** Closes a socket in a way that keeps its session. */
const KEEP_SESSION = 4000;

type Stage =
  | { kind: 'dialling'; until: number }
  | { kind: 'introduced'; until: number }
  | { kind: 'joined' }
  | { kind: 'waiting'; retryAt: number }
  | { kind: 'ended' };

/** See the module. */
export class VoiceMachine {
  /** Who is in the room. */
  readonly roster: Roster;
  #stage: Stage = { kind: 'ended' };
  /** There is a session that can be resumed. */
  #identified = false;
  #seqAck = -1;
  #interval: number | null = null;
  #nextBeat: number | null = null;
  #ackUntil: number | null = null;
  #beatSentAt: number | null = null;
  #roundTrip: number | null = null;
  #lostAt: number | null = null;
  #backoff: Backoff;

  constructor(private readonly options: VoiceOptions) {
    this.roster = new Roster(options.ticket.user_id);
    this.#backoff = new Backoff(250, 5_000, options.random);
  }

  /** How long the last heartbeat's answer took, in milliseconds. */
  get roundTrip(): number | null {
    return this.#roundTrip;
  }

  /** Begins. */
  start(now: number): VoiceOutput[] {
    return this.#dial(now);
  }

  /** Leaves. */
  stop(): VoiceOutput[] {
    const outputs = this.#hangUp(VoiceClose.Normal);
    this.#end();
    return outputs;
  }

  /** The socket is open. The server takes Identify and Resume before it has said Hello, which saves a round trip. */
  opened(now: number): VoiceOutput[] {
    if (this.#stage.kind !== 'dialling') return [];
    this.#stage = { kind: 'introduced', until: now + PATIENCE_MS };
    return [this.#identified ? this.#resume() : this.#identify()];
  }

  /** The socket is closed. */
  closed(now: number, code: number): VoiceOutput[] {
    if (this.#stage.kind === 'ended') return [];
    this.#silence();
    const action = voiceCloseAction(code);
    if (action !== 'resume') return this.#over({ action, code });
    return this.#retry(now, code);
  }

  /** A message came. */
  received(now: number, message: VoiceMessage): VoiceOutput[] {
    if (typeof message.seq === 'number') this.#seqAck = message.seq;
    switch (message.op) {
      case VoiceOp.Hello:
        return this.#greet(now, message.d as { heartbeat_interval: number });
      case VoiceOp.Heartbeat:
        return this.#beat(now);
      case VoiceOp.HeartbeatAck:
        if (this.#beatSentAt !== null) this.#roundTrip = now - this.#beatSentAt;
        this.#ackUntil = null;
        return [];
      case VoiceOp.Ready:
        this.#identified = true;
        this.roster.clear();
        return [...this.#joined(), { kind: 'ready', ready: message.d as VoiceReady }];
      case VoiceOp.Resumed:
        return this.#joined();
      case VoiceOp.SessionDescription:
        return [{ kind: 'description', description: message.d as SessionDescription }];
      case VoiceOp.SessionUpdate:
        return [{ kind: 'update', update: message.d as SessionUpdate }];
      case VoiceOp.MediaSinkWants:
        return [{ kind: 'wants', wants: message.d as SinkWants }];
      default:
        return this.#enrol(message);
    }
  }

  /** When {@link expired} wants to be called. */
  get deadline(): number | null {
    const stage = this.#stage;
    const times = [
      stage.kind === 'dialling' || stage.kind === 'introduced' ? stage.until : null,
      stage.kind === 'waiting' ? stage.retryAt : null,
      this.#nextBeat,
      this.#ackUntil,
    ].filter((time) => time !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Does what is due. */
  expired(now: number): VoiceOutput[] {
    const due = (time: number | null): boolean => time !== null && now >= time;
    const stage = this.#stage;
    if (stage.kind === 'waiting') return due(stage.retryAt) ? this.#dial(now) : [];
    const silent = (stage.kind === 'dialling' || stage.kind === 'introduced') && due(stage.until);
    if (silent || due(this.#ackUntil)) {
      return [...this.#hangUp(KEEP_SESSION), ...this.#retry(now, VoiceClose.Abnormal)];
    }
    return due(this.#nextBeat) ? this.#beat(now) : [];
  }

  /** The network may be another one. */
  networkChanged(now: number): VoiceOutput[] {
    if (this.#stage.kind === 'waiting') {
      this.#backoff.reset();
      return this.#dial(now);
    }
    return this.#stage.kind === 'joined' ? this.#beat(now) : [];
  }

  /** Op 1. */
  selectProtocol(choice: SelectProtocol): VoiceOutput[] {
    return this.#say(VoiceOp.SelectProtocol, choice);
  }

  /** Op 5. */
  speak(speaking: Speaking): VoiceOutput[] {
    return this.#say(VoiceOp.Speaking, speaking);
  }

  /** Op 12. */
  publish(video: VideoState): VoiceOutput[] {
    return this.#say(VoiceOp.Video, video);
  }

  /** Op 15. */
  want(wants: SinkWants): VoiceOutput[] {
    return this.#say(VoiceOp.MediaSinkWants, wants);
  }

  /** Op 16: asks for the builds of the server. */
  askVersion(): VoiceOutput[] {
    return this.#say(VoiceOp.BackendVersion, {});
  }

  /** Op 32: there is no way for media. */
  noRoute(): VoiceOutput[] {
    return this.#say(VoiceOp.NoRoute, {});
  }

  #dial(now: number): VoiceOutput[] {
    this.#stage = { kind: 'dialling', until: now + PATIENCE_MS };
    const { scheme, ticket } = this.options;
    const dial: VoiceOutput = { kind: 'dial', url: `${scheme}://${ticket.endpoint}/?v=${VOICE_VERSION}` };
    return [{ kind: 'link', link: this.#lostAt === null ? 'connecting' : 'lost' }, dial];
  }

  #identify(): VoiceOutput {
    const { ticket, streamType, layers } = this.options;
    const { server_id, channel_id, user_id, session_id, token } = ticket;
    const streams = layers.map(({ rid, quality }) => ({ type: streamType, rid, quality }));
    const d = { server_id, channel_id, user_id, session_id, token, video: true, streams };
    return { kind: 'send', message: { op: VoiceOp.Identify, d } };
  }

  #resume(): VoiceOutput {
    const { server_id, channel_id, session_id, token } = this.options.ticket;
    const d = { server_id, channel_id, session_id, token, seq_ack: this.#seqAck };
    return { kind: 'send', message: { op: VoiceOp.Resume, d } };
  }

  #joined(): VoiceOutput[] {
    this.#stage = { kind: 'joined' };
    this.#lostAt = null;
    this.#backoff.reset();
    return [{ kind: 'link', link: 'connected' }];
  }

  #greet(now: number, hello: { heartbeat_interval: number }): VoiceOutput[] {
    this.#interval = Math.min(hello.heartbeat_interval, MOST_BEAT_MS);
    // The first one soon: the round trip is wanted.
    this.#nextBeat = now + this.#interval * 0.2 * this.options.random();
    return [];
  }

  #beat(now: number): VoiceOutput[] {
    if (this.#interval === null) return [];
    this.#nextBeat = now + this.#interval;
    // An answer that is missing for an interval and a half tells of a dead socket.
    this.#ackUntil ??= now + this.#interval * 1.5;
    this.#beatSentAt = now;
    const d = { t: Math.round(now), seq_ack: this.#seqAck };
    return [{ kind: 'send', message: { op: VoiceOp.Heartbeat, d } }];
  }

  #enrol({ op, d }: VoiceMessage): VoiceOutput[] {
    switch (op) {
      case VoiceOp.ClientsConnect:
        this.roster.connected((d as { user_ids: VoiceTicket['user_id'][] }).user_ids);
        break;
      case VoiceOp.ClientDisconnect:
        this.roster.disconnected((d as { user_id: VoiceTicket['user_id'] }).user_id);
        break;
      case VoiceOp.Speaking:
        this.roster.speaking(d as Speaking);
        break;
      case VoiceOp.Video:
        this.roster.video(d as VideoState);
        break;
      default:
        return [];
    }
    return [{ kind: 'roster' }];
  }

  /** Sends what belongs to a session. While its socket is lost nothing is sent: who owns it says it again. */
  #say(op: VoiceOp, d: unknown): VoiceOutput[] {
    return this.#stage.kind === 'joined' ? [{ kind: 'send', message: { op, d } }] : [];
  }

  #retry(now: number, code: number): VoiceOutput[] {
    this.#lostAt ??= now;
    const tooLate = now - this.#lostAt > RESUME_FOR_MS;
    const hopeless = !this.#identified && this.#backoff.tries >= 3;
    if (tooLate || hopeless) return this.#over({ action: 'rejoin', code });
    this.#stage = { kind: 'waiting', retryAt: now + this.#backoff.next() };
    return [{ kind: 'link', link: 'lost' }];
  }

  #over(end: VoiceEnd): VoiceOutput[] {
    this.#end();
    return [
      { kind: 'link', link: 'ended' },
      { kind: 'ended', end },
    ];
  }

  #end(): void {
    this.#silence();
    this.#stage = { kind: 'ended' };
  }

  #hangUp(code: number): VoiceOutput[] {
    const open = this.#stage.kind !== 'ended' && this.#stage.kind !== 'waiting';
    this.#silence();
    return open ? [{ kind: 'hangUp', code }] : [];
  }

  #silence(): void {
    this.#interval = null;
    this.#nextBeat = null;
    this.#ackUntil = null;
    this.#beatSentAt = null;
  }
}
