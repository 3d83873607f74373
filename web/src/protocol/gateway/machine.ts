/**
 * The client's side of a main-Gateway session, without a socket and without a clock: it is told what happens and
 * when, and says what to do.
 *
 * It identifies, keeps the heartbeat, resumes after a lost socket and begins a new session where that is refused.
 */

import { Backoff, type Random } from '../backoff.ts';
import type { SessionId } from '../ids.ts';
import { GatewayClose, GatewayOp, gatewayCloseAction } from '../opcodes.ts';
import type { GatewayEvent, GatewayMessage, Ready } from './messages.ts';

/** How the session stands. */
export type GatewayState =
  /** Not begun. */
  | { phase: 'idle' }
  /** A socket is being opened, or the server has not answered Identify or Resume yet. */
  | { phase: 'connecting' }
  /** Events come. */
  | { phase: 'ready' }
  /** The socket is lost; another one is tried at `retryAt` (in milliseconds of the machine's clock). */
  | { phase: 'lost'; retryAt: number }
  /** Over for good: `code` is why. */
  | { phase: 'ended'; code: number };

/** What the machine asks for. */
export type GatewayOutput =
  | { kind: 'dial'; url: string }
  | { kind: 'send'; message: GatewayMessage }
  /** Close the socket; nothing that still comes from it matters. */
  | { kind: 'hangUp'; code: number }
  | { kind: 'event'; event: GatewayEvent }
  | { kind: 'state'; state: GatewayState };

/** What a session begins with. */
export interface GatewayOptions {
  /** Address of the Gateway, without a query. */
  url: string;
  /** The account's token. */
  token: string;
  /** Describes the program (`properties` of Identify). */
  properties: Readonly<Record<string, string>>;
  /** Maps addresses that the server names to ones that this client can reach. */
  reachable?: (url: string) => string;
  random: Random;
}

/** How long an answer may take to Identify and Resume, and a socket to open. */
const PATIENCE_MS = 15_000;
/** How long the answer to a heartbeat may take that was sent because the network may have changed. */
const PROBE_MS = 3_000;
/** Private calls come along with Ready (`AUTO_CALL_CONNECT`). */
const CAPABILITIES = 1 << 12;
/** After an invalid session, a client waits before it identifies again. */
const INVALID_SESSION_MS = { least: 500, spread: 1_500 };
/** Closes a socket in a way that keeps its session. */
const KEEP_SESSION = 4000;

interface Session {
  id: SessionId;
  url: string;
  seq: number;
}

type Link =
  | { kind: 'none' }
  | { kind: 'dialling'; until: number }
  /** Open; the server has not said Hello. */
  | { kind: 'silent'; until: number }
  | { kind: 'greeted'; interval: number; until: number | null };

/** See the module. */
export class GatewayMachine {
  #link: Link = { kind: 'none' };
  #session: Session | null = null;
  #state: GatewayState = { phase: 'idle' };
  #backoff: Backoff;
  #nextBeat: number | null = null;
  /** When an unanswered heartbeat counts as lost. */
  #ackUntil: number | null = null;
  #beatSentAt: number | null = null;
  #identifyAt: number | null = null;
  #roundTrip: number | null = null;

  constructor(private readonly options: GatewayOptions) {
    this.#backoff = new Backoff(500, 15_000, options.random);
  }

  /** How it stands. */
  get state(): GatewayState {
    return this.#state;
  }

  /** The id of the session, once there is one. */
  get sessionId(): SessionId | null {
    return this.#session?.id ?? null;
  }

  /** How long the last heartbeat's answer took, in milliseconds. */
  get roundTrip(): number | null {
    return this.#roundTrip;
  }

  /** Begins. */
  start(now: number): GatewayOutput[] {
    return this.#dial(now);
  }

  /** Ends the session: it leaves every room that it is in. */
  stop(): GatewayOutput[] {
    this.#session = null;
    return [...this.#drop(GatewayClose.Normal), ...this.#enter({ phase: 'ended', code: GatewayClose.Normal })];
  }

  /** The socket is open. */
  opened(now: number): GatewayOutput[] {
    if (this.#link.kind === 'dialling') this.#link = { kind: 'silent', until: now + PATIENCE_MS };
    return [];
  }

  /** The socket is closed. */
  closed(now: number, code: number): GatewayOutput[] {
    if (this.#link.kind === 'none') return [];
    this.#unlink();
    switch (gatewayCloseAction(code)) {
      case 'stop':
        this.#session = null;
        return this.#enter({ phase: 'ended', code });
      case 'new-session':
        this.#session = null;
        break;
      case 'resume':
        break;
    }
    return this.#waitToRetry(now);
  }

  /** A message came. */
  received(now: number, message: GatewayMessage): GatewayOutput[] {
    switch (message.op) {
      case GatewayOp.Hello:
        return this.#greet(now, message.d as { heartbeat_interval: number });
      case GatewayOp.Heartbeat:
        return this.#beat(now);
      case GatewayOp.HeartbeatAck:
        if (this.#beatSentAt !== null) this.#roundTrip = now - this.#beatSentAt;
        this.#ackUntil = null;
        return [];
      case GatewayOp.Reconnect:
        return [...this.#drop(KEEP_SESSION), ...this.#dial(now)];
      case GatewayOp.InvalidSession:
        return this.#refused(now, message.d === true);
      case GatewayOp.Dispatch:
        return this.#dispatched(message);
      default:
        return [];
    }
  }

  /** When {@link expired} wants to be called. */
  get deadline(): number | null {
    const link = this.#link;
    const times = [
      link.kind === 'dialling' || link.kind === 'silent' || link.kind === 'greeted' ? link.until : null,
      this.#nextBeat,
      this.#ackUntil,
      this.#identifyAt,
      this.#state.phase === 'lost' ? this.#state.retryAt : null,
    ].filter((time) => time !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Does what is due. */
  expired(now: number): GatewayOutput[] {
    const due = (time: number | null): boolean => time !== null && now >= time;
    const link = this.#link;
    if (due(this.#ackUntil) || (link.kind !== 'none' && due(link.until))) {
      return [...this.#drop(KEEP_SESSION), ...this.#waitToRetry(now)];
    }
    if (this.#state.phase === 'lost' && due(this.#state.retryAt)) return this.#dial(now);
    if (due(this.#identifyAt)) return this.#introduce(now);
    if (due(this.#nextBeat)) return this.#beat(now);
    return [];
  }

  /** The network may be another one: what is waited for is tried now, and what seems to live is put to the test. */
  networkChanged(now: number): GatewayOutput[] {
    if (this.#state.phase === 'lost') {
      this.#backoff.reset();
      return this.#dial(now);
    }
    if (this.#link.kind !== 'greeted') return [];
    const outputs = this.#beat(now);
    this.#ackUntil = now + PROBE_MS;
    return outputs;
  }

  #dial(now: number): GatewayOutput[] {
    this.#link = { kind: 'dialling', until: now + PATIENCE_MS };
    const url = this.#session?.url ?? this.options.url;
    const dial: GatewayOutput = { kind: 'dial', url: `${url.replace(/\/$/, '')}/?v=9&encoding=json` };
    return [...this.#enter({ phase: 'connecting' }), dial];
  }

  #drop(code: number): GatewayOutput[] {
    if (this.#link.kind === 'none') return [];
    this.#unlink();
    return [{ kind: 'hangUp', code }];
  }

  #unlink(): void {
    this.#link = { kind: 'none' };
    this.#nextBeat = null;
    this.#ackUntil = null;
    this.#beatSentAt = null;
    this.#identifyAt = null;
  }

  #waitToRetry(now: number): GatewayOutput[] {
    return this.#enter({ phase: 'lost', retryAt: now + this.#backoff.next() });
  }

  #greet(now: number, hello: { heartbeat_interval: number }): GatewayOutput[] {
    const interval = hello.heartbeat_interval;
    this.#link = { kind: 'greeted', interval, until: now + PATIENCE_MS };
    this.#nextBeat = now + interval * this.options.random();
    return this.#introduce(now);
  }

  #introduce(now: number): GatewayOutput[] {
    this.#identifyAt = null;
    if (this.#link.kind === 'greeted') this.#link.until = now + PATIENCE_MS;
    const { token, properties } = this.options;
    const session = this.#session;
    if (session !== null) {
      const d = { token, session_id: session.id, seq: session.seq };
      return [{ kind: 'send', message: { op: GatewayOp.Resume, d } }];
    }
    const presence = { status: 'online', since: 0, activities: [], afk: false };
    const d = { token, capabilities: CAPABILITIES, properties, presence, compress: false };
    return [{ kind: 'send', message: { op: GatewayOp.Identify, d } }];
  }

  #beat(now: number): GatewayOutput[] {
    if (this.#link.kind !== 'greeted') return [];
    const interval = this.#link.interval;
    this.#nextBeat = now + interval;
    this.#ackUntil ??= now + interval;
    this.#beatSentAt = now;
    return [{ kind: 'send', message: { op: GatewayOp.Heartbeat, d: this.#session?.seq ?? null } }];
  }

  #refused(now: number, mayResume: boolean): GatewayOutput[] {
    if (!mayResume) this.#session = null;
    this.#identifyAt = now + INVALID_SESSION_MS.least + INVALID_SESSION_MS.spread * this.options.random();
    if (this.#link.kind === 'greeted') this.#link.until = this.#identifyAt + PATIENCE_MS;
    return this.#enter({ phase: 'connecting' });
  }

  #dispatched(message: GatewayMessage): GatewayOutput[] {
    const event = { name: message.t, data: message.d } as GatewayEvent;
    if (event.name === 'READY') this.#begin(event.data);
    if (this.#session !== null && typeof message.s === 'number') this.#session.seq = message.s;
    const outputs: GatewayOutput[] = [];
    if (event.name === 'READY' || event.name === 'RESUMED') {
      this.#backoff.reset();
      if (this.#link.kind === 'greeted') this.#link.until = null;
      outputs.push(...this.#enter({ phase: 'ready' }));
    }
    outputs.push({ kind: 'event', event });
    return outputs;
  }

  #begin(ready: Ready): void {
    const reachable = this.options.reachable ?? ((url: string): string => url);
    this.#session = { id: ready.session_id, url: reachable(ready.resume_gateway_url), seq: 0 };
  }

  #enter(state: GatewayState): GatewayOutput[] {
    this.#state = state;
    return [{ kind: 'state', state }];
  }
}
