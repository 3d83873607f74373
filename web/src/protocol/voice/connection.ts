/** One voice connection: signalling over a WebSocket and media over WebRTC, kept together. */

import { Emitter } from '../emitter.ts';
import { NO_SSRC, type Ssrc, type UserId } from '../ids.ts';
import { SpeakingFlag, type SpeakingFlags, VoiceClose, VoiceOp } from '../opcodes.ts';
import { Alarm, type Clock, Socket } from '../platform.ts';
import { parseServerFragment } from '../webrtc/fragment.ts';
import type { MediaKind } from '../webrtc/offer.ts';
import { type LocalDescription, NOTHING_SENT, type OwnSsrcs, Peer, type ReceivedStream, type VideoLimits } from '../webrtc/peer.ts';
import { type VoiceEnd, type VoiceLink, VoiceMachine, type VoiceOptions, type VoiceOutput } from './machine.ts';
import type {
  BackendVersion,
  SessionDescription,
  SinkWants,
  StreamLayer,
  VideoState,
  VoiceMessage,
} from './messages.ts';
import { videoState } from './publishing.ts';
import { encoderOrders } from './wants.ts';

/** What a voice connection is used for. */
export interface VoicePurpose {
  /** What kind of sound it sends: {@link SpeakingFlag.Voice}, or that of a screen. */
  speaking: SpeakingFlags;
  /** The most that is sent of video. */
  limits: VideoLimits & { width: number; height: number };
}

/** A camera and a microphone. Pictures go out twice, so that a narrow link gets small ones instead of none. */
export const CAMERA: VoicePurpose = {
  speaking: SpeakingFlag.Voice,
  limits: {
    maxFramerate: 30,
    width: 1280,
    height: 720,
    layers: [
      { rid: '50', quality: 50, maxBitrate: 400_000, scaleDownBy: 2 },
      { rid: '100', quality: 100, maxBitrate: 2_500_000, scaleDownBy: 1 },
    ],
  },
};

/** A shared screen with its sound. */
export const SCREEN: VoicePurpose = {
  speaking: SpeakingFlag.Soundshare,
  limits: {
    maxFramerate: 30,
    width: 1920,
    height: 1080,
    layers: [{ rid: '100', quality: 100, maxBitrate: 4_000_000, scaleDownBy: 1 }],
  },
};

/** What a voice connection tells of. */
export interface VoiceConnectionEvents {
  /** Signalling. */
  link: VoiceLink;
  /** Media. */
  transport: RTCPeerConnectionState;
  /** Streams that arrive. */
  streams: ReceivedStream[];
  /** Who is in the room, without oneself. */
  people: UserId[];
  /** It is over. */
  ended: VoiceEnd;
}

/** How long media may take to come up, and to come back. */
const TRANSPORT_MS = 10_000;

/** See the module. It is used for one ticket; for the next one there is a new connection. */
export class VoiceConnection extends Emitter<VoiceConnectionEvents> {
  #machine: VoiceMachine;
  #socket: Socket | null = null;
  #alarm: Alarm;
  #transportAlarm: Alarm;
  #peer: Peer;
  #local: Promise<LocalDescription>;
  #connectionId = crypto.randomUUID();
  #own: OwnSsrcs = NOTHING_SENT;
  /** What Ready calls the own layers, by their names: the server may go on to call them so. */
  #assigned = new Map<string, Ssrc>();
  #speaks = false;
  #wants: SinkWants | null = null;
  #serverWants: SinkWants = { any: 100 };
  #video: MediaStreamTrack | null = null;
  #described = false;
  #link: VoiceLink = 'connecting';
  #version: BackendVersion | null = null;
  #videoCodec: string | null = null;

  constructor(
    options: Omit<VoiceOptions, 'layers'>,
    private readonly purpose: VoicePurpose,
    private readonly clock: Clock,
  ) {
    super();
    this.#alarm = new Alarm(clock, () => this.#carryOut(this.#machine.expired(this.clock.now())));
    this.#transportAlarm = new Alarm(clock, () => this.#noTransport());
    this.#peer = new Peer(purpose.limits, {
      ownChanged: (own) => this.#announce(own),
      streamsChanged: (streams) => this.emit('streams', streams),
      transportChanged: (state) => this.#transportChanged(state),
      failed: () => this.#mediaFailed(),
    });
    this.#machine = new VoiceMachine({ ...options, layers: this.#peer.layers });
    // The offer is made while the socket opens.
    this.#local = this.#peer.describe();
  }

  /** How signalling stands. */
  get link(): VoiceLink {
    return this.#link;
  }

  /** How media stand. */
  get transport(): RTCPeerConnectionState {
    return this.#peer.state;
  }

  /** How long a heartbeat takes, in milliseconds. */
  get roundTrip(): number | null {
    return this.#machine.roundTrip;
  }

  /** The builds of the server, once it has named them. */
  get version(): BackendVersion | null {
    return this.#version;
  }

  /** The codec that video is sent in. */
  get videoCodec(): string | null {
    return this.#videoCodec;
  }

  /** Own SSRCs. */
  get own(): OwnSsrcs {
    return this.#own;
  }

  /** The layers that somebody publishes. */
  layersOf(user: UserId): StreamLayer[] {
    return this.#machine.roster.layersOf(user);
  }

  /** The streams that arrive. */
  received(): ReceivedStream[] {
    return this.#peer.received();
  }

  /** The browser's statistics. */
  statistics(): Promise<RTCStatsReport> {
    return this.#peer.statistics();
  }

  /** Connects. */
  start(): void {
    this.#carryOut(this.#machine.start(this.clock.now()));
  }

  /** Leaves; nothing is told of it. */
  close(): void {
    const outputs = this.#machine.stop();
    this.#release();
    this.#carryOut(outputs);
    this.#link = 'ended';
  }

  /** The network may be another one. */
  networkChanged(): void {
    this.#carryOut(this.#machine.networkChanged(this.clock.now()));
  }

  /** Sends a track, or no longer. */
  async send(kind: MediaKind, track: MediaStreamTrack | null): Promise<void> {
    if (kind === 'video') this.#video = track;
    await this.#peer.send(kind, track);
    this.#orderVideo();
  }

  /** Says whether what is sent is speech now. */
  speak(speaks: boolean): void {
    if (speaks === this.#speaks) return;
    this.#speaks = speaks;
    this.#saySpeaking();
  }

  /** Says what is wanted of others. */
  want(wants: SinkWants): void {
    if (JSON.stringify(wants) === JSON.stringify(this.#wants)) return;
    this.#wants = wants;
    if (this.#described) this.#carryOut(this.#machine.want(wants));
  }

  #carryOut(outputs: VoiceOutput[]): void {
    for (const output of outputs) this.#do(output);
    this.#alarm.set(this.#machine.deadline);
  }

  #do(output: VoiceOutput): void {
    switch (output.kind) {
      case 'dial':
        return this.#dial(output.url);
      case 'send':
        return this.#socket?.send(output.message);
      case 'hangUp':
        this.#socket?.close(output.code);
        this.#socket = null;
        return;
      case 'ready':
        this.#assigned = new Map(output.ready.streams.map(({ rid, ssrc }) => [rid, ssrc]));
        void this.#selectProtocol();
        return;
      case 'description':
        return this.#connectMedia(output.description);
      case 'update':
        if (output.update.video_codec !== undefined) this.#useVideoCodec(output.update.video_codec);
        return;
      case 'roster':
        this.emit('people', this.#machine.roster.users);
        return this.#peer.receive(this.#machine.roster.streams());
      case 'wants':
        this.#serverWants = output.wants;
        return this.#orderVideo();
      case 'link':
        return this.#linkChanged(output.link);
      case 'ended':
        return this.#over(output.end);
    }
  }

  #dial(url: string): void {
    const now = (): number => this.clock.now();
    this.#socket = new Socket(url, {
      opened: () => this.#carryOut(this.#machine.opened(now())),
      received: (message) => this.#received(message as VoiceMessage),
      closed: (code) => this.#carryOut(this.#machine.closed(now(), code)),
    });
  }

  #received(message: VoiceMessage): void {
    if (message.op === VoiceOp.BackendVersion) this.#version = message.d as BackendVersion;
    this.#carryOut(this.#machine.received(this.clock.now(), message));
  }

  async #selectProtocol(): Promise<void> {
    let local: LocalDescription;
    try {
      local = await this.#local;
    } catch {
      return this.#mediaFailed();
    }
    const { fragment, codecs } = local;
    this.#carryOut(this.#machine.askVersion());
    this.#carryOut(this.#machine.publish(this.#videoState(NOTHING_SENT)));
    this.#carryOut(
      this.#machine.selectProtocol({
        protocol: 'webrtc',
        data: fragment,
        sdp: fragment,
        codecs,
        rtc_connection_id: this.#connectionId,
      }),
    );
  }

  #connectMedia(description: SessionDescription): void {
    // It may come twice, with the same content.
    if (this.#described) return;
    this.#described = true;
    this.#videoCodec = description.video_codec ?? null;
    this.#transportAlarm.set(this.clock.now() + TRANSPORT_MS);
    try {
      this.#peer.connect(parseServerFragment(description.sdp), this.#videoCodec);
    } catch {
      return this.#over({ action: 'stop', code: VoiceClose.BadRequest });
    }
    if (this.#wants !== null) this.#carryOut(this.#machine.want(this.#wants));
  }

  #useVideoCodec(name: string): void {
    this.#videoCodec = name;
    this.#peer.useVideoCodec(name);
  }

  /** What was said while the socket was lost may not have arrived. */
  #linkChanged(link: VoiceLink): void {
    const back = link === 'connected' && this.#described;
    this.#link = link;
    if (back) {
      this.#saySpeaking();
      // Also that nothing is sent any more.
      this.#sayVideo();
      if (this.#wants !== null) this.#carryOut(this.#machine.want(this.#wants));
    }
    this.emit('link', link);
  }

  #announce(own: OwnSsrcs): void {
    const before = this.#own;
    this.#own = own;
    this.#saySpeaking();
    if (own.video.length > 0 || before.video.length > 0) this.#sayVideo();
    this.#orderVideo();
  }

  #sayVideo(): void {
    this.#carryOut(this.#machine.publish(this.#videoState(this.#own)));
  }

  /** Before the first packet of an SSRC, and whenever it changes. */
  #saySpeaking(): void {
    if (this.#own.audio === NO_SSRC) return;
    const speaking = this.#speaks ? this.purpose.speaking : SpeakingFlag.None;
    this.#carryOut(this.#machine.speak({ speaking, delay: 5, ssrc: this.#own.audio }));
  }

  #videoState(own: OwnSsrcs): VideoState {
    const { maxFramerate } = this.purpose.limits;
    const type = this.purpose === SCREEN ? 'screen' : 'video';
    return videoState(own, { type, layers: this.#peer.layers, maxFramerate, ...this.#source() });
  }

  /** The size of the pictures that are taken. */
  #source(): { width: number; height: number } {
    const { limits } = this.purpose;
    const { width = limits.width, height = limits.height } = this.#video?.getSettings() ?? {};
    return { width, height };
  }

  #orderVideo(): void {
    const layers = this.#peer.layers.flatMap((layer) => {
      const sent = this.#own.video.find(({ rid }) => rid === layer.rid);
      if (sent === undefined) return [];
      const assigned = this.#assigned.get(layer.rid);
      return [{ ...layer, names: assigned === undefined ? [sent.ssrc] : [sent.ssrc, assigned] }];
    });
    const { width, height } = this.#source();
    void this.#peer.orderVideo(encoderOrders(this.#serverWants, layers, width * height));
  }

  #transportChanged(state: RTCPeerConnectionState): void {
    this.emit('transport', state);
    if (state === 'connected') this.#transportAlarm.set(null);
    else if (state === 'failed') this.#mediaFailed();
    else if (state === 'disconnected') this.#transportAlarm.set(this.clock.now() + TRANSPORT_MS);
  }

  #noTransport(): void {
    this.#carryOut(this.#machine.noRoute());
    this.#mediaFailed();
  }

  /** Signalling without media is worth nothing: begin anew. */
  #mediaFailed(): void {
    if (this.#link === 'ended') return;
    this.#carryOut(this.#machine.stop());
    this.#linkChanged('ended');
    this.#over({ action: 'rejoin', code: VoiceClose.Abnormal });
  }

  #over(end: VoiceEnd): void {
    this.#release();
    this.emit('ended', end);
  }

  #release(): void {
    this.#alarm.set(null);
    this.#transportAlarm.set(null);
    this.#peer.close();
  }
}
