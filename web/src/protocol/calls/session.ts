/** Being in a room: the {@link JoinMachine} with a Gateway session, a voice connection and a clock. */

import type { Random } from '../backoff.ts';
import { Emitter } from '../emitter.ts';
import type { GatewayClient } from '../gateway/client.ts';
import type { GatewayEvent } from '../gateway/messages.ts';
import type { UserId } from '../ids.ts';
import { Alarm, type Clock } from '../platform.ts';
import { CAMERA, VoiceConnection } from '../voice/connection.ts';
import type { VoiceLink } from '../voice/machine.ts';
import type { SinkWants, VoiceTicket } from '../voice/messages.ts';
import type { MediaKind } from '../webrtc/offer.ts';
import type { ReceivedStream } from '../webrtc/peer.ts';
import { type Flags, JoinMachine, type JoinOutput, type JoinState, type Room } from './join.ts';

/** What a {@link RoomSession} tells of. */
export interface RoomSessionEvents {
  state: JoinState;
  /** Signalling of the voice connection. */
  link: VoiceLink;
  /** Media of the voice connection. */
  transport: RTCPeerConnectionState;
  /** Streams of others. */
  streams: ReceivedStream[];
}

/** One account's place in a room. Tracks that are sent stay with it from connection to connection. */
export class RoomSession extends Emitter<RoomSessionEvents> {
  #machine: JoinMachine;
  #alarm: Alarm;
  #connection: VoiceConnection | null = null;
  #tracks: Record<MediaKind, MediaStreamTrack | null> = { audio: null, video: null };
  #speaks = false;
  #wants: SinkWants = { any: 100 };

  constructor(
    private readonly gateway: GatewayClient,
    self: UserId,
    private readonly scheme: 'ws' | 'wss',
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    super();
    this.#machine = new JoinMachine(self, random);
    this.#alarm = new Alarm(clock, () => this.#carryOut(this.#machine.expired(clock.now())));
  }

  /** How it stands. */
  get state(): JoinState {
    return this.#machine.state;
  }

  /** The room, also while on the way to it. */
  get room(): Room | null {
    return this.#machine.room;
  }

  /** The voice connection of now. */
  get connection(): VoiceConnection | null {
    return this.#connection;
  }

  /** Joins a room, or moves to it. */
  join(room: Room): void {
    this.#carryOut(this.#machine.join(this.clock.now(), room));
  }

  /** Leaves. */
  leave(): void {
    this.#carryOut(this.#machine.leave());
  }

  /** Says whether one is muted, deaf, or shows a camera. */
  setFlags(flags: Flags): void {
    this.#carryOut(this.#machine.setFlags(flags));
  }

  /** Sends a track, or no longer. */
  async send(kind: MediaKind, track: MediaStreamTrack | null): Promise<void> {
    this.#tracks[kind] = track;
    await this.#connection?.send(kind, track);
  }

  /** Says whether what is sent is speech now. */
  speak(speaks: boolean): void {
    this.#speaks = speaks;
    this.#connection?.speak(speaks);
  }

  /** Says what is wanted of others. */
  want(wants: SinkWants): void {
    this.#wants = wants;
    this.#connection?.want(wants);
  }

  /** The network may be another one. */
  networkChanged(): void {
    this.#connection?.networkChanged();
    this.#carryOut(this.#machine.networkChanged(this.clock.now()));
  }

  /** Takes a dispatch of the main Gateway. */
  heard(event: GatewayEvent): void {
    const now = this.clock.now();
    switch (event.name) {
      case 'READY':
      case 'RESUMED': {
        const session = this.gateway.sessionId;
        if (session !== null) this.#carryOut(this.#machine.sessionReady(now, session));
        return;
      }
      case 'VOICE_STATE_UPDATE':
        return this.#carryOut(this.#machine.voiceState(now, event.data));
      case 'VOICE_SERVER_UPDATE':
        return this.#carryOut(this.#machine.voiceServer(now, event.data));
      default:
    }
  }

  /** The session on the main Gateway is lost for now. */
  gatewayLost(): void {
    this.#carryOut(this.#machine.sessionLost());
  }

  #carryOut(outputs: JoinOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'ask':
          this.gateway.updateVoiceState(output.request);
          break;
        case 'connect':
          this.#connect(output.ticket);
          break;
        case 'disconnect':
          this.#disconnect();
          break;
        case 'state':
          this.emit('state', output.state);
          break;
      }
    }
    this.#alarm.set(this.#machine.deadline);
  }

  #connect(ticket: VoiceTicket): void {
    this.#disconnect();
    const { scheme, random } = this;
    const connection = new VoiceConnection({ ticket, scheme, streamType: 'video', random }, CAMERA, this.clock);
    this.#connection = connection;
    connection.on('link', (link) => this.emit('link', link));
    connection.on('streams', (streams) => this.emit('streams', streams));
    connection.on('transport', (transport) => {
      if (transport === 'connected') this.#machine.connected();
      this.emit('transport', transport);
    });
    connection.on('ended', (end) => {
      if (this.#connection !== connection) return;
      this.#connection = null;
      this.emit('streams', []);
      this.#carryOut(this.#machine.voiceEnded(this.clock.now(), end));
    });
    connection.speak(this.#speaks);
    connection.want(this.#wants);
    void connection.send('audio', this.#tracks.audio);
    void connection.send('video', this.#tracks.video);
    connection.start();
  }

  #disconnect(): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    connection.close();
    this.emit('streams', []);
  }
}
