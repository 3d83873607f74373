/** Makes up the answer that the server never sends, from its fragment and what the voice gateway told. */

import type { Ssrc, UserId } from '../ids.ts';
import { NO_SSRC } from '../ids.ts';
import type { RemoteStream } from '../voice/roster.ts';
import { type CodecChoice, codecsOf } from './codecs.ts';
import type { ServerTransport } from './fragment.ts';
import type { Direction, HeaderExtension, Offer, OfferSection, PayloadType } from './offer.ts';

/** What an answer says beyond the offer. */
export interface AnswerTerms {
  transport: ServerTransport;
  /** The codec to send video in; `null` for the best of one's own. */
  videoCodec: string | null;
  /** The most that is sent of video, in kbit/s, and what it begins with. */
  maxVideoKbps: number;
  startVideoKbps: number;
  /** Whether video is sent: then audio goes on in silence, so that both stay in step. */
  sendsVideo: boolean;
  /** The section that sends video in several layers, if there is one. */
  layeredMid: string | null;
  /** Sections by mid and the streams that arrive in them. */
  remote: ReadonlyMap<string, RemoteStream>;
}

const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
const ABS_SEND_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time';
const ORIENTATION = 'urn:3gpp:video-orientation';
const TIME_OFFSET = 'urn:ietf:params:rtp-hdrext:toffset';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const STREAM_ID = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id';
const REPAIRED_STREAM_ID = 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id';
const PLAYOUT_DELAY = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';

/** What is agreed on beside the codecs, in the order in which it is written. */
const EXTENSIONS: Record<OfferSection['kind'], string[]> = {
  audio: [AUDIO_LEVEL, TRANSPORT_CC],
  video: [ABS_SEND_TIME, TRANSPORT_CC, ORIENTATION, TIME_OFFSET, PLAYOUT_DELAY],
};
/**
 * By these packets say which layer they are of. They are agreed on before the camera is on: a browser does not offer
 * again what was refused once.
 */
const LAYER_EXTENSIONS = [MID, STREAM_ID, REPAIRED_STREAM_ID];
const FEEDBACK: Record<OfferSection['kind'], string[]> = {
  audio: ['transport-cc'],
  video: ['ccm fir', 'nack', 'nack pli', 'goog-remb', 'transport-cc'],
};

/** The answer to an offer: one section for each of its sections, in their order. */
export function answerTo(offer: Offer, terms: AnswerTerms): string {
  const mids = offer.sections.map((section) => section.mid);
  const session = [
    'v=0',
    'o=- 1420070400000 0 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=msid-semantic: WMS *',
    `a=group:BUNDLE ${mids.join(' ')}`,
  ];
  const sections = offer.sections.flatMap((section) => answerSection(section, terms));
  return [...session, ...sections, ''].join('\r\n');
}

function answerSection(section: OfferSection, terms: AnswerTerms): string[] {
  const { transport } = terms;
  const remote = terms.remote.get(section.mid) ?? null;
  const direction = answerDirection(section.direction, remote !== null);
  const codecs = chosenCodecs(section, direction, terms);
  const payloadTypes = codecs.flatMap(({ primary, rtx }) => (rtx === null ? [primary] : [primary, rtx]));
  const numbers = payloadTypes.map(({ number }) => number).join(' ');
  return [
    `m=${section.kind} ${transport.port} UDP/TLS/RTP/SAVPF ${numbers}`,
    `c=${transport.connection}`,
    `a=rtcp:${transport.port}`,
    `a=ice-ufrag:${transport.iceUfrag}`,
    `a=ice-pwd:${transport.icePwd}`,
    `a=fingerprint:${transport.fingerprint}`,
    ...transport.candidates.map((candidate) => `a=candidate:${candidate}`),
    'a=setup:passive',
    `a=mid:${section.mid}`,
    `a=${direction}`,
    'a=rtcp-mux',
    ...codecs.flatMap((codec) => describe(section, codec, direction, terms)),
    ...(section.kind === 'audio' ? ['a=maxptime:60'] : []),
    ...agreedExtensions(section, terms).map(({ id, uri }) => `a=extmap:${id} ${uri}`),
    ...(remote === null ? [] : describeStream(remote)),
    ...takenLayers(section.layers),
  ];
}

/** Which way media goes, seen from the server. */
function answerDirection(offered: Direction, assigned: boolean): Direction {
  switch (offered) {
    case 'recvonly':
      return assigned ? 'sendonly' : 'inactive';
    case 'sendrecv':
      return assigned ? 'sendrecv' : 'recvonly';
    case 'sendonly':
      return 'recvonly';
    case 'inactive':
      return 'inactive';
  }
}

/**
 * Whatever was named to the server may arrive; what is sent is the one codec that it chose. A codec that the browser
 * did not offer cannot be answered, so the best of those it did takes its place.
 */
function chosenCodecs(section: OfferSection, direction: Direction, terms: AnswerTerms): CodecChoice[] {
  const codecs = codecsOf(section);
  if (section.kind === 'audio' || terms.remote.has(section.mid) || direction === 'sendonly') return codecs;
  const named = codecs.find(({ name }) => name === terms.videoCodec);
  return [named ?? codecs[0]].filter((codec) => codec !== undefined);
}

function describe(
  section: OfferSection,
  { primary, rtx }: CodecChoice,
  direction: Direction,
  terms: AnswerTerms,
): string[] {
  const own = direction !== 'sendonly';
  const formats: [PayloadType, string][] = [[primary, format(section, primary, own, terms)]];
  if (rtx !== null) formats.push([rtx, rtx.format]);
  const maps = formats.flatMap(([{ number, codec, rate }, text]) => [
    `a=rtpmap:${number} ${codec}/${rate}`,
    ...(text === '' ? [] : [`a=fmtp:${number} ${text}`]),
  ]);
  const feedback = FEEDBACK[section.kind].filter((kind) => primary.feedback.includes(kind));
  return [...maps, ...feedback.map((kind) => `a=rtcp-fb:${primary.number} ${kind}`)];
}

function format(section: OfferSection, { format }: PayloadType, own: boolean, terms: AnswerTerms): string {
  const parts = format === '' ? [] : [format];
  if (section.kind === 'audio') parts.push(`usedtx=${terms.sendsVideo ? 0 : 1}`);
  else if (own) parts.unshift(`x-google-max-bitrate=${terms.maxVideoKbps}`);
  if (section.kind === 'video' && own && terms.sendsVideo) {
    parts.push(`x-google-start-bitrate=${Math.min(terms.maxVideoKbps, terms.startVideoKbps)}`);
  }
  return parts.join(';');
}

function agreedExtensions(section: OfferSection, { layeredMid }: AnswerTerms): HeaderExtension[] {
  const wanted = [...EXTENSIONS[section.kind], ...(section.mid === layeredMid ? LAYER_EXTENSIONS : [])];
  return wanted.flatMap((uri) => section.extensions.find((offered) => offered.uri === uri) ?? []);
}

/** Every layer is taken (RFC 8853, section 5.3). */
function takenLayers(layers: string[]): string[] {
  if (layers.length === 0) return [];
  return [...layers.map((rid) => `a=rid:${rid} recv`), `a=simulcast:recv ${layers.join(';')}`];
}

function describeStream({ user, kind, ssrc, rtx }: RemoteStream): string[] {
  const name = streamName(user, ssrc);
  const track = `${kind === 'audio' ? 'a' : 'v'}${name}`;
  const primary = [`a=msid:${name} ${track}`, `a=ssrc:${ssrc} cname:${name}`];
  if (kind === 'audio' || rtx === NO_SSRC) return primary;
  return [`a=ssrc-group:FID ${ssrc} ${rtx}`, ...primary, `a=ssrc:${rtx} cname:${name}`];
}

function streamName(user: UserId, ssrc: Ssrc): string {
  return `${user}-${ssrc}`;
}
