/**
 * Go Live: a shared screen is a stream of its own, with a voice connection of its own. A session publishes at most one,
 * and watches any number.
 */

import { Backoff, type Random } from '../backoff.ts';
import { Emitter } from '../emitter.ts';
import type { GatewayClient } from '../gateway/client.ts';
import type { GatewayEvent, StreamCreate, StreamKey, StreamServerUpdate } from '../gateway/messages.ts';
import { streamKey, streamOwner } from '../gateway/messages.ts';
import type { ChannelId, UserId } from '../ids.ts';
import type { Clock } from '../platform.ts';
import { SCREEN, VoiceConnection } from '../voice/connection.ts';
import type { SinkWants, VoiceTicket } from '../voice/messages.ts';
import type { ReceivedStream } from '../webrtc/peer.ts';
import type { Room } from './join.ts';

/** A stream that one publishes or watches. */
export interface LiveStream {
  key: StreamKey;
  owner: UserId;
  /** One's own. */
  own: boolean;
  viewers: UserId[];
  paused: boolean;
  /** What arrives of it; empty for one's own. */
  received: ReceivedStream[];
  connection: VoiceConnection | null;
}

/** What {@link LiveStreams} tell of. */
export interface LiveStreamsEvents {
  /** Something about them has changed. */
  changed: readonly LiveStream[];
  /** A stream is over, or could not be watched: the reason, in the protocol's words. */
  over: { key: StreamKey; own: boolean; reason: string };
}

/** The tracks of a shared screen. */
export interface ScreenTracks {
  video: MediaStreamTrack;
  audio: MediaStreamTrack | null;
}

interface Entry extends LiveStream {
  created: StreamCreate | null;
  server: StreamServerUpdate | null;
  backoff: Backoff;
  cancelRetry: (() => void) | null;
  wants: SinkWants;
}

/** How often a stream whose connection fails is asked for again. */
const MOST_TRIES = 5;
/** How long the answer may take. */
const ANSWER_MS = 10_000;

/** See the module. */
export class LiveStreams extends Emitter<LiveStreamsEvents> {
  #streams = new Map<StreamKey, Entry>();
  #screen: ScreenTracks | null = null;
  /** Ended while the Gateway was away. */
  #toEnd = new Set<StreamKey>();

  constructor(
    private readonly gateway: GatewayClient,
    private readonly self: UserId,
    private readonly scheme: 'ws' | 'wss',
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    super();
  }

  /** Those that are published or watched, as they are now. */
  get all(): readonly LiveStream[] {
    return [...this.#streams.values()].map(({ key, owner, own, viewers, paused, received, connection }) => {
      return { key, owner, own, viewers, paused, received, connection };
    });
  }

  /** Publishes a screen in the room that one is in. */
  goLive(room: Room, screen: ScreenTracks): void {
    const key = streamKey(room.guild, room.channel, this.self);
    this.#request(this.#enter(key));
    this.#screen = screen;
    this.#changed();
  }

  /** Shows another screen in the stream that runs. */
  replaceScreen(screen: ScreenTracks): void {
    this.#screen = screen;
    for (const entry of this.#streams.values()) if (entry.own) this.#publish(entry);
  }

  /** Watches somebody's stream. */
  watch(room: Room, owner: UserId): void {
    const key = streamKey(room.guild, room.channel, owner);
    if (this.#streams.has(key)) return;
    this.#request(this.#enter(key));
    this.#changed();
  }

  /** Ends one's own stream, or stops watching. */
  end(key: StreamKey): void {
    if (!this.#streams.has(key)) return;
    this.#remove(key);
    if (!this.gateway.deleteStream(key)) this.#toEnd.add(key);
    this.#changed();
  }

  /** Ends all: the room was left. The server needs not be told. */
  clear(): void {
    for (const key of [...this.#streams.keys()]) this.#remove(key);
    this.#toEnd.clear();
    this.#changed();
  }

  /** Says what is wanted of a stream. */
  want(key: StreamKey, wants: SinkWants): void {
    const entry = this.#streams.get(key);
    if (entry === undefined) return;
    entry.wants = wants;
    entry.connection?.want(wants);
  }

  /** The network may be another one. */
  networkChanged(): void {
    for (const entry of this.#streams.values()) entry.connection?.networkChanged();
  }

  /** Takes a dispatch of the main Gateway. */
  heard(event: GatewayEvent): void {
    switch (event.name) {
      case 'READY':
        // What an earlier session was told of a stream is worth nothing to this one.
        for (const entry of this.#streams.values()) [entry.created, entry.server] = [null, null];
        return this.#gatewayReady();
      case 'RESUMED':
        return this.#gatewayReady();
      case 'STREAM_CREATE':
        return this.#created(event.data);
      case 'STREAM_SERVER_UPDATE':
        return this.#located(event.data);
      case 'STREAM_UPDATE': {
        const entry = this.#streams.get(event.data.stream_key);
        if (entry === undefined) return;
        entry.viewers = event.data.viewer_ids;
        entry.paused = event.data.paused;
        return this.#changed();
      }
      case 'STREAM_DELETE':
        return this.#deleted(event.data.stream_key, event.data.reason ?? 'stream_ended');
      default:
    }
  }

  /** What the Gateway did not hear while it was away is said again. */
  #gatewayReady(): void {
    for (const key of this.#toEnd) this.gateway.deleteStream(key);
    this.#toEnd.clear();
    for (const entry of this.#streams.values()) if (entry.connection === null) this.#request(entry);
  }

  #enter(key: StreamKey): Entry {
    const owner = streamOwner(key);
    this.#remove(key);
    this.#toEnd.delete(key);
    const entry: Entry = {
      key,
      owner,
      own: owner === this.self,
      viewers: [],
      paused: false,
      received: [],
      connection: null,
      created: null,
      server: null,
      backoff: new Backoff(500, 5_000, this.random),
      cancelRetry: null,
      wants: { any: 100 },
    };
    this.#streams.set(key, entry);
    return entry;
  }

  /** Asks for a stream. No answer is as good as a connection that fails. */
  #request(entry: Entry): void {
    const { key, own } = entry;
    const [kind, guild] = key.split(':');
    const channel_id = key.split(':').at(-2) ?? '';
    const room = { guild_id: kind === 'guild' ? (guild ?? null) : null, channel_id };
    const asked = own ? this.gateway.createStream(room) : this.gateway.watchStream(key);
    entry.cancelRetry?.();
    entry.cancelRetry = asked ? this.clock.after(ANSWER_MS, () => this.#retry(entry)) : null;
  }

  #created(data: StreamCreate): void {
    const entry = this.#streams.get(data.stream_key);
    if (entry === undefined) return;
    entry.created = data;
    entry.viewers = data.viewer_ids;
    entry.paused = data.paused;
    this.#connect(entry);
  }

  #located(data: StreamServerUpdate): void {
    const entry = this.#streams.get(data.stream_key);
    if (entry === undefined) return;
    if (data.endpoint === null) {
      this.#disconnect(entry);
      return this.#changed();
    }
    entry.server = data;
    this.#connect(entry);
  }

  #deleted(key: StreamKey, reason: string): void {
    const entry = this.#streams.get(key);
    if (entry === undefined) return;
    this.#remove(key);
    this.#changed();
    this.emit('over', { key, own: entry.own, reason });
  }

  /** Connects once both of what is needed are there, in either order. */
  #connect(entry: Entry): void {
    const ticket = this.#ticket(entry);
    if (ticket === null) return;
    this.#disconnect(entry);
    entry.server = null;
    const { scheme, random } = this;
    const connection = new VoiceConnection({ ticket, scheme, streamType: 'screen', random }, SCREEN, this.clock);
    entry.connection = connection;
    connection.on('streams', (streams) => {
      entry.received = streams;
      this.#changed();
    });
    connection.on('transport', (state) => {
      if (state === 'connected') entry.backoff.reset();
      this.#changed();
    });
    connection.on('ended', (end) => {
      if (entry.connection !== connection) return;
      this.#disconnect(entry);
      if (end.action !== 'stop') this.#retry(entry);
      this.#changed();
    });
    connection.want(entry.wants);
    connection.start();
    this.#publish(entry);
    this.#changed();
  }

  #ticket({ key, created, server }: Entry): VoiceTicket | null {
    const session_id = this.gateway.sessionId;
    if (created === null || server === null || server.endpoint === null || session_id === null) return null;
    const channel = key.split(':').at(-2) as ChannelId;
    return {
      endpoint: server.endpoint,
      server_id: created.rtc_server_id,
      channel_id: created.rtc_channel_id ?? channel,
      user_id: this.self,
      session_id,
      token: server.token,
    };
  }

  #publish({ own, connection }: Entry): void {
    if (!own || connection === null || this.#screen === null) return;
    connection.speak(this.#screen.audio !== null);
    void connection.send('video', this.#screen.video);
    void connection.send('audio', this.#screen.audio);
  }

  #retry(entry: Entry): void {
    if (entry.backoff.tries >= MOST_TRIES) {
      this.#deleted(entry.key, 'connection_lost');
      return;
    }
    entry.cancelRetry = this.clock.after(entry.backoff.next(), () => this.#request(entry));
  }

  #disconnect(entry: Entry): void {
    const connection = entry.connection;
    entry.connection = null;
    entry.received = [];
    entry.cancelRetry?.();
    entry.cancelRetry = null;
    connection?.close();
  }

  #remove(key: StreamKey): void {
    const entry = this.#streams.get(key);
    if (entry === undefined) return;
    this.#disconnect(entry);
    this.#streams.delete(key);
    if (entry.own) this.#screen = null;
  }

  #changed(): void {
    this.emit('changed', this.all);
  }
}
