/** Gives the {@link GatewayMachine} a socket and a clock. */

import { Emitter } from '../emitter.ts';
import type { SessionId } from '../ids.ts';
import { GatewayOp } from '../opcodes.ts';
import { Alarm, type Clock, Socket } from '../platform.ts';
import { GatewayMachine, type GatewayOptions, type GatewayOutput, type GatewayState } from './machine.ts';
import type { GatewayEvent, GatewayMessage, StreamKey, VoiceStateRequest } from './messages.ts';

/** What a {@link GatewayClient} tells of. */
export interface GatewayClientEvents {
  /** A dispatch. */
  event: GatewayEvent;
  /** Another state. */
  state: GatewayState;
}

/** A session on the main Gateway that looks after itself. */
export class GatewayClient extends Emitter<GatewayClientEvents> {
  #machine: GatewayMachine;
  #socket: Socket | null = null;
  #alarm: Alarm;

  constructor(
    options: GatewayOptions,
    private readonly clock: Clock,
  ) {
    super();
    this.#machine = new GatewayMachine(options);
    this.#alarm = new Alarm(clock, () => this.#carryOut(this.#machine.expired(this.clock.now())));
  }

  /** How it stands. */
  get state(): GatewayState {
    return this.#machine.state;
  }

  /** The id of the session. */
  get sessionId(): SessionId | null {
    return this.#machine.sessionId;
  }

  /** How long the last heartbeat took, in milliseconds. */
  get roundTrip(): number | null {
    return this.#machine.roundTrip;
  }

  /** Connects. */
  start(): void {
    this.#carryOut(this.#machine.start(this.clock.now()));
  }

  /** Ends the session. */
  stop(): void {
    this.#carryOut(this.#machine.stop());
  }

  /** The network may be another one. */
  networkChanged(): void {
    this.#carryOut(this.#machine.networkChanged(this.clock.now()));
  }

  /** Joins, moves, leaves, mutes. Returns false if there is no session to do it in now. */
  updateVoiceState(request: VoiceStateRequest): boolean {
    return this.#send({ op: GatewayOp.VoiceStateUpdate, d: request });
  }

  /** Goes live in the room that one is in. */
  createStream(room: { guild_id: string | null; channel_id: string }): boolean {
    const d = { type: room.guild_id === null ? 'call' : 'guild', ...room };
    return this.#send({ op: GatewayOp.StreamCreate, d });
  }

  /** Watches a stream. */
  watchStream(stream_key: StreamKey): boolean {
    return this.#send({ op: GatewayOp.StreamWatch, d: { stream_key } });
  }

  /** Ends one's own stream, or stops watching another's. */
  deleteStream(stream_key: StreamKey): boolean {
    return this.#send({ op: GatewayOp.StreamDelete, d: { stream_key } });
  }

  /** Says that one's own stream pauses or goes on. */
  pauseStream(stream_key: StreamKey, paused: boolean): boolean {
    return this.#send({ op: GatewayOp.StreamSetPaused, d: { stream_key, paused } });
  }

  #send(message: GatewayMessage): boolean {
    if (this.#machine.state.phase !== 'ready' || this.#socket === null) return false;
    this.#socket.send(message);
    return true;
  }

  #carryOut(outputs: GatewayOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'dial':
          this.#dial(output.url);
          break;
        case 'send':
          this.#socket?.send(output.message);
          break;
        case 'hangUp':
          this.#socket?.close(output.code);
          this.#socket = null;
          break;
        case 'event':
          this.emit('event', output.event);
          break;
        case 'state':
          this.emit('state', output.state);
          break;
      }
    }
    this.#alarm.set(this.#machine.deadline);
  }

  #dial(url: string): void {
    const now = (): number => this.clock.now();
    this.#socket = new Socket(url, {
      opened: () => this.#carryOut(this.#machine.opened(now())),
      received: (message) => this.#carryOut(this.#machine.received(now(), message as GatewayMessage)),
      closed: (code) => this.#carryOut(this.#machine.closed(now(), code)),
    });
  }
}
