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
import { type Offer, type OfferSection, parseOffer } from './offer.ts';
import { Slots } from './slots.ts';

/** The SSRCs that are sent; `NO_SSRC` where nothing is. */
export interface OwnSsrcs {
  audio: Ssrc;
  video: Ssrc;
  rtx: Ssrc;
}

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
  maxBitrate: number;
  maxFramerate: number;
}

/** What else an encoder is told. */
export interface EncoderOrders {
  /** Whether anything is sent. */
  active: boolean;
  /** By how much width and height are divided. */
  scaleDownBy: number;
}

/** Browsers that know this field say it in the specification's extensions only (W3C webrtc-extensions). */
type Parameters = RTCRtpSendParameters & { degradationPreference?: string };

/** How long a picture keeps its size after the camera was turned on. */
const STEADY_MS = 3_000;

/** A connection to one media server. */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #own: Record<OfferSection['kind'], RTCRtpTransceiver>;
  readonly #slots: Slots<RTCRtpTransceiver>;
  #firstOffer: Offer | null = null;
  #transport: ServerTransport | null = null;
  #videoCodec: string | null = null;
  /** The codec of the last answer. */
  #agreedCodec: string | null = null;
  #streams: RemoteStream[] = [];
  #announced: OwnSsrcs = { audio: NO_SSRC, video: NO_SSRC, rtx: NO_SSRC };
  #due = false;
  #running = false;
  #closed = false;
  /** The picture keeps its size whatever happens. */
  #steady = false;
  #orders: EncoderOrders = { active: true, scaleDownBy: 1 };

  constructor(
    private readonly limits: VideoLimits,
    private readonly listener: PeerListener,
  ) {
    this.#connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    // The sections that send come first and are never given to anybody else.
    this.#own = {
      audio: this.#connection.addTransceiver('audio', { direction: 'recvonly' }),
      video: this.#connection.addTransceiver('video', { direction: 'recvonly' }),
    };
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

  /** Tells the encoder how much of the picture is wanted. */
  async orderVideo(orders: EncoderOrders): Promise<void> {
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
    this.#announce(offer);
    const videoCodec = this.#videoCodec;
    const sdp = answerTo(offer, {
      transport,
      videoCodec,
      maxVideoKbps: Math.round(this.limits.maxBitrate / 1000),
      sendsVideo: this.#own.video.direction === 'sendrecv',
      remote: this.#assignments(),
    });
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    this.#agreedCodec = videoCodec;
    await this.#configureVideo();
    if (!this.#closed) this.listener.streamsChanged(this.received());
  }

  #assignments(): Map<string, RemoteStream> {
    const assigned = this.#slots.all.flatMap(({ transceiver, stream }): [string, RemoteStream][] =>
      transceiver.mid === null || stream === null ? [] : [[transceiver.mid, stream]],
    );
    return new Map(assigned);
  }

  #announce({ sections }: Offer): void {
    const ssrcs = (kind: OfferSection['kind']): Ssrc[] => {
      const section = sections.find((known) => known.kind === kind);
      return section?.direction === 'sendrecv' ? section.ssrcs : [];
    };
    const [audio = NO_SSRC] = ssrcs('audio');
    const video = ssrcs('video');
    const own: OwnSsrcs = {
      audio,
      video: video[0] ?? NO_SSRC,
      rtx: video.length > 1 ? (video.at(-1) ?? NO_SSRC) : NO_SSRC,
    };
    const before = this.#announced;
    if (own.audio === before.audio && own.video === before.video && own.rtx === before.rtx) return;
    this.#announced = own;
    this.listener.ownChanged(own);
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
    const encoding = parameters.encodings[0];
    if (encoding === undefined) return;
    parameters.degradationPreference = this.#steady ? 'maintain-resolution' : 'balanced';
    encoding.active = this.#orders.active;
    encoding.maxBitrate = this.limits.maxBitrate;
    encoding.maxFramerate = this.limits.maxFramerate;
    encoding.scaleResolutionDownBy = this.#orders.scaleDownBy;
    try {
      await sender.setParameters(parameters);
    } catch {
      // The browser was renegotiating meanwhile; the end of that configures it again.
    }
  }
}

/** What a section was last agreed to be, in the offer's words. */
function agreedOffer({ currentDirection }: RTCRtpTransceiver): RTCRtpTransceiverDirection {
  return currentDirection === 'sendonly' || currentDirection === 'sendrecv' ? 'sendrecv' : 'recvonly';
}
