/**
 * The WebRTC half of a voice connection: one `RTCPeerConnection` whose session descriptions are negotiated here and
 * nowhere else. Only the first offer leaves the browser, as a fragment; everything later is the browser agreeing with
 * itself, one offer at a time.
 */

import { NO_SSRC, type Ssrc } from '../ids.ts';
import type { Codec } from '../voice/messages.ts';
import type { RemoteStream } from '../voice/roster.ts';
import { answerTo } from './answer.ts';
import { describeCodecs } from './codecs.ts';
import { fragmentOf, type ServerTransport } from './fragment.ts';
import { encodingsOf, type LayerOrder, type LayerPlan, type LayerSsrcs, layerSsrcs } from './layers.ts';
import { type Offer, type OfferSection, parseOffer } from './offer.ts';
import { Slots } from './slots.ts';

/** The SSRCs that are sent. */
export interface OwnSsrcs {
  /** `NO_SSRC` while no sound is sent. */
  audio: Ssrc;
  /** Of each layer that is sent, the least first; empty while no video is. */
  video: LayerSsrcs[];
}

/** No SSRC at all. */
export const NOTHING_SENT: OwnSsrcs = { audio: NO_SSRC, video: [] };

/** What op 1 says. */
export interface LocalDescription {
  fragment: string;
  codecs: Codec[];
}

/** A stream that arrives. */
export interface ReceivedStream extends RemoteStream {
  track: MediaStreamTrack;
  receiver: RTCRtpReceiver;
}

/** Who wants to know. */
export interface PeerListener {
  /** Own SSRCs have changed: they must be announced, and this is called before anything is sent by them. */
  ownChanged(own: OwnSsrcs): void;
  /** Other streams arrive than before. */
  streamsChanged(streams: ReceivedStream[]): void;
  /** The transport came up or went down. */
  transportChanged(state: RTCPeerConnectionState): void;
  /** The browser refuses a description. */
  failed(error: unknown): void;
}

/** Limits of the video that is sent. */
export interface VideoLimits {
  maxFramerate: number;
  /** The layers to send, the least first. */
  layers: readonly LayerPlan[];
}

/** Browsers that know this field say it in the specification's extensions only (W3C webrtc-extensions). */
type Parameters = RTCRtpSendParameters & { degradationPreference?: string };

/** How long a picture keeps its size after the camera was turned on. */
const STEADY_MS = 3_000;
/** What the best layer begins with; a browser's own beginning, or what it reckoned from sound, shows blurred pictures. */
const START_BITRATE = 1_000_000;
/** How often, and how long, a browser is asked which SSRCs it chose for its layers. */
const ASK_EVERY_MS = 20;
const ASK_TIMES = 250;

/** A connection to one media server. */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #own: Record<OfferSection['kind'], RTCRtpTransceiver>;
  readonly #slots: Slots<RTCRtpTransceiver>;
  /** The layers that may be sent. Some browsers turn out to send but the best of them. */
  readonly layers: readonly LayerPlan[];
  #firstOffer: Offer | null = null;
  #transport: ServerTransport | null = null;
  #videoCodec: string | null = null;
  /** The codec of the last answer. */
  #agreedCodec: string | null = null;
  #streams: RemoteStream[] = [];
  #announced: OwnSsrcs = NOTHING_SENT;
  #due = false;
  #running = false;
  #closed = false;
  /** The picture keeps its size whatever happens. */
  #steady = false;
  #orders: readonly LayerOrder[] = [];

  constructor(
    private readonly limits: VideoLimits,
    private readonly listener: PeerListener,
  ) {
    this.#connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    // The sections that send come first and are never given to anybody else.
    const audio = this.#connection.addTransceiver('audio', { direction: 'recvonly' });
    const { video, layers } = addVideo(this.#connection, limits.layers);
    this.#own = { audio, video };
    this.layers = layers;
    this.#slots = new Slots((kind) => this.#connection.addTransceiver(kind, { direction: 'recvonly' }));
    this.#connection.onconnectionstatechange = () => {
      if (!this.#closed) this.listener.transportChanged(this.#connection.connectionState);
    };
  }

  /** How the transport stands. */
  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  /** Makes the first offer. The fragment names no candidates, so there is nothing to gather. */
  async describe(): Promise<LocalDescription> {
    const sdp = await this.#makeOffer();
    this.#firstOffer = parseOffer(sdp);
    return { fragment: fragmentOf(this.#firstOffer), codecs: describeCodecs(this.#firstOffer) };
  }

  /** The server has answered: now media can flow. */
  connect(transport: ServerTransport, videoCodec: string | null): void {
    this.#transport = transport;
    this.#videoCodec = videoCodec;
    this.#negotiate();
  }

  /** Sends video in another codec. */
  useVideoCodec(name: string): void {
    if (name === this.#videoCodec) return;
    this.#videoCodec = name;
    this.#negotiate();
  }

  /** Receives exactly these streams. */
  receive(streams: RemoteStream[]): void {
    this.#streams = streams;
    this.#negotiate();
  }

  /** Sends a track, or no longer. */
  async send(kind: OfferSection['kind'], track: MediaStreamTrack | null): Promise<void> {
    if (this.#closed) return;
    const transceiver = this.#own[kind];
    const begins = kind === 'video' && track !== null && transceiver.sender.track === null;
    if (begins) this.#beginVideo();
    await transceiver.sender.replaceTrack(track);
    const direction = track === null ? 'recvonly' : 'sendrecv';
    if (transceiver.direction === direction || this.#closed) return;
    transceiver.direction = direction;
    // The first offer is out: it is agreed on first, then this.
    this.#negotiate();
  }

  /** Tells the encoders of the layers how much of the picture is wanted. */
  async orderVideo(orders: readonly LayerOrder[]): Promise<void> {
    this.#orders = orders;
    await this.#configureVideo();
  }

  /** The browser's statistics. */
  statistics(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  /** The streams that arrive. */
  received(): ReceivedStream[] {
    return this.#slots.all.flatMap(({ transceiver, stream }) =>
      stream === null ? [] : [{ ...stream, track: transceiver.receiver.track, receiver: transceiver.receiver }],
    );
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  #negotiate(): void {
    this.#due = true;
    if (this.#running || this.#closed || this.#transport === null || this.#firstOffer === null) return;
    this.#running = true;
    void this.#run(this.#transport, this.#firstOffer);
  }

  /** Agrees on what is wanted until nothing new is. */
  async #run(transport: ServerTransport, first: Offer): Promise<void> {
    try {
      if (this.#connection.signalingState === 'have-local-offer') await this.#agree(transport, first);
      while (this.#due && !this.#closed) {
        this.#due = false;
        if (!this.#prepare()) continue;
        await this.#agree(transport, parseOffer(await this.#makeOffer()));
      }
    } catch (error) {
      if (!this.#closed) this.listener.failed(error);
    } finally {
      this.#running = false;
    }
  }

  /** Brings the sections into the state that is wanted; false if they are. */
  #prepare(): boolean {
    const assigned = this.#slots.assign(this.#streams);
    for (const { transceiver, stream } of this.#slots.all) {
      transceiver.direction = stream === null ? 'inactive' : 'recvonly';
    }
    const sends = Object.values(this.#own).some((own) => own.direction !== agreedOffer(own));
    const codec = this.#videoCodec !== this.#agreedCodec;
    return assigned || sends || codec;
  }

  async #makeOffer(): Promise<string> {
    const offer = await this.#connection.createOffer();
    await this.#connection.setLocalDescription(offer);
    return offer.sdp ?? '';
  }

  async #agree(transport: ServerTransport, offer: Offer): Promise<void> {
    const own = await this.#ownSsrcs(offer);
    if (own !== null) this.#announce(own);
    const videoCodec = this.#videoCodec;
    const sdp = answerTo(offer, {
      transport,
      videoCodec,
      ...this.#videoRates(),
      layeredMid: this.layers.length > 1 ? this.#own.video.mid : null,
      sendsVideo: this.#own.video.direction === 'sendrecv',
      remote: this.#assignments(),
    });
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    this.#agreedCodec = videoCodec;
    if (own === null) this.#announce(await this.#awaitSsrcs(offer));
    await this.#configureVideo();
    if (!this.#closed) this.listener.streamsChanged(this.received());
  }

  #assignments(): Map<string, RemoteStream> {
    const assigned = this.#slots.all.flatMap(({ transceiver, stream }): [string, RemoteStream][] =>
      transceiver.mid === null || stream === null ? [] : [[transceiver.mid, stream]],
    );
    return new Map(assigned);
  }

  /** What is sent after an offer; `null` while the browser does not tell it of its layers. */
  async #ownSsrcs({ sections }: Offer): Promise<OwnSsrcs | null> {
    const sending = (kind: OfferSection['kind']): OfferSection | undefined =>
      sections.find((known) => known.kind === kind && known.direction === 'sendrecv');
    const audio = sending('audio')?.ssrcs[0] ?? NO_SSRC;
    const section = sending('video');
    if (section === undefined) return { audio, video: [] };
    if (section.layers.length > 0) {
      const report = (await this.statistics()) as unknown as Map<string, Record<string, unknown>>;
      const video = layerSsrcs(report.values(), this.layers);
      return video === null ? null : { audio, video };
    }
    const [[ssrc], best] = [section.ssrcs, this.layers.at(-1)];
    const rtx = section.ssrcs.length > 1 ? (section.ssrcs.at(-1) ?? NO_SSRC) : NO_SSRC;
    return { audio, video: ssrc === undefined || best === undefined ? [] : [{ rid: best.rid, ssrc, rtx }] };
  }

  /** Some browsers know the SSRCs of their layers only when they begin to send. */
  async #awaitSsrcs(offer: Offer): Promise<OwnSsrcs> {
    for (let asked = 0; asked < ASK_TIMES && !this.#closed; asked += 1) {
      const own = await this.#ownSsrcs(offer);
      if (own !== null) return own;
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    throw new Error('the browser does not tell which SSRCs its video has');
  }

  #announce(own: OwnSsrcs): void {
    if (this.#closed || JSON.stringify(own) === JSON.stringify(this.#announced)) return;
    this.#announced = own;
    this.listener.ownChanged(own);
  }

  /** In kbit/s: the most for all layers together, and what lets the best one begin sharp. */
  #videoRates(): { maxVideoKbps: number; startVideoKbps: number } {
    const rates = this.layers.map(({ maxBitrate }) => maxBitrate);
    const below = rates.slice(0, -1).reduce((sum, rate) => sum + rate, START_BITRATE);
    const most = rates.reduce((sum, rate) => sum + rate, 0);
    return { maxVideoKbps: Math.round(most / 1000), startVideoKbps: Math.round(below / 1000) };
  }

  /**
   * A camera that has just been turned on is sent over an estimate of the time before, which was made from sound. A
   * browser would shrink the picture at once and take a quarter of a minute to let it grow again, long after the
   * estimate has grown. So it may be blurred for a moment instead.
   */
  #beginVideo(): void {
    this.#steady = true;
    setTimeout(() => {
      this.#steady = false;
      void this.#configureVideo();
    }, STEADY_MS);
  }

  async #configureVideo(): Promise<void> {
    const { sender, direction } = this.#own.video;
    if (this.#closed || direction !== 'sendrecv') return;
    const parameters: Parameters = sender.getParameters();
    parameters.degradationPreference = this.#steady ? 'maintain-resolution' : 'balanced';
    parameters.encodings.forEach((encoding, index) => {
      const layer = parameters.encodings.length > 1 ? this.layers[index] : this.layers.at(-1);
      if (layer === undefined) return;
      const order = this.#orders.find(({ rid }) => rid === layer.rid);
      encoding.active = order?.active ?? true;
      encoding.maxBitrate = layer.maxBitrate;
      encoding.maxFramerate = this.limits.maxFramerate;
      encoding.scaleResolutionDownBy = order?.scaleDownBy ?? layer.scaleDownBy;
    });
    try {
      await sender.setParameters(parameters);
    } catch {
      // The browser was renegotiating meanwhile; the end of that configures it again.
    }
  }
}

/**
 * Adds the section that sends video, in all layers, or in the best one where a browser cannot send several. Firefox
 * forgets all but one encoding when a section is agreed on that does not send yet; then its offers name no layers.
 */
function addVideo(
  connection: RTCPeerConnection,
  wanted: readonly LayerPlan[],
): { video: RTCRtpTransceiver; layers: readonly LayerPlan[] } {
  const best = wanted.slice(-1);
  if (wanted.length > 1) {
    try {
      const video = connection.addTransceiver('video', { direction: 'recvonly', sendEncodings: encodingsOf(wanted) });
      const all = video.sender.getParameters().encodings.length === wanted.length;
      return { video, layers: all ? wanted : best };
    } catch {
      // It refuses several encodings.
    }
  }
  return { video: connection.addTransceiver('video', { direction: 'recvonly' }), layers: best };
}

/** What a section was last agreed to be, in the offer's words. */
function agreedOffer({ currentDirection }: RTCRtpTransceiver): RTCRtpTransceiverDirection {
  return currentDirection === 'sendonly' || currentDirection === 'sendrecv' ? 'sendrecv' : 'recvonly';
}
