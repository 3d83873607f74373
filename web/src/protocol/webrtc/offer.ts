/** Reads the offers that browsers make: the parts of an SDP (RFC 8866) that the answer must agree with. */

import type { Ssrc } from '../ids.ts';

/** Which way media may go in a section (RFC 8866, section 6.7). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** The kind of a section. */
export type MediaKind = 'audio' | 'video';

/** A payload type of a section. */
export interface PayloadType {
  number: number;
  /** As in `a=rtpmap`: `opus`, `VP8`, `rtx`, … */
  codec: string;
  /** What stands behind the codec: `48000/2`, `90000`. */
  rate: string;
  /** The text of `a=fmtp`; empty without one. */
  format: string;
  /** The texts of `a=rtcp-fb`. */
  feedback: string[];
}

/** A header extension of a section (RFC 8285). */
export interface HeaderExtension {
  id: number;
  uri: string;
  /** As offered; without one, both ways. */
  direction: Direction | null;
}

/** A media section of an offer. */
export interface OfferSection {
  kind: MediaKind;
  mid: string;
  direction: Direction;
  payloadTypes: PayloadType[];
  extensions: HeaderExtension[];
  /** Those that will be sent: for video the stream and then its retransmissions. With several layers none is named. */
  ssrcs: Ssrc[];
  /** The layers that will be sent (RFC 8853), by their names; empty if there is only one. */
  layers: string[];
}

/** A whole offer. */
export interface Offer {
  /** Its lines, without line ends. */
  lines: string[];
  sections: OfferSection[];
}

const DIRECTIONS: ReadonlySet<string> = new Set<Direction>(['sendrecv', 'sendonly', 'recvonly', 'inactive']);

/** Reads an offer. Sections of other kinds than audio and video are left out. */
export function parseOffer(sdp: string): Offer {
  const lines = sdp.split(/\r?\n/).filter((line) => line !== '');
  const sections: OfferSection[] = [];
  let section: OfferSection | null = null;
  for (const line of lines) {
    if (line.startsWith('m=')) {
      section = newSection(line);
      if (section !== null) sections.push(section);
    } else if (section !== null && line.startsWith('a=')) {
      readAttribute(section, line.slice(2));
    }
  }
  return { lines, sections };
}

function newSection(line: string): OfferSection | null {
  const [kind, , , ...formats] = line.slice(2).split(' ');
  if (kind !== 'audio' && kind !== 'video') return null;
  const payloadTypes = formats.map((format) => ({
    number: Number(format),
    codec: '',
    rate: '',
    format: '',
    feedback: [],
  }));
  return { kind, mid: '', direction: 'sendrecv', payloadTypes, extensions: [], ssrcs: [], layers: [] };
}

function readAttribute(section: OfferSection, attribute: string): void {
  const [name, value] = splitOnce(attribute, ':');
  if (DIRECTIONS.has(name)) section.direction = name as Direction;
  else if (name === 'mid') section.mid = value;
  else if (name === 'ssrc') addSsrc(section, value);
  else if (name === 'extmap') addExtension(section, value);
  else if (name === 'simulcast') section.layers = layersSent(value);
  else readFormat(section, name, value);
}

function readFormat(section: OfferSection, name: string, value: string): void {
  const [number, text] = splitOnce(value, ' ');
  const payloadType = section.payloadTypes.find((known) => String(known.number) === number);
  if (payloadType === undefined) return;
  if (name === 'rtpmap') [payloadType.codec, payloadType.rate] = splitOnce(text, '/');
  else if (name === 'fmtp') payloadType.format = text;
  else if (name === 'rtcp-fb') payloadType.feedback.push(text);
}

function addSsrc(section: OfferSection, value: string): void {
  const ssrc = Number(splitOnce(value, ' ')[0]) as Ssrc;
  if (!section.ssrcs.includes(ssrc)) section.ssrcs.push(ssrc);
}

function addExtension(section: OfferSection, value: string): void {
  const [name, rest] = splitOnce(value, ' ');
  const [id, direction] = splitOnce(name, '/');
  section.extensions.push({
    id: Number(id),
    uri: splitOnce(rest, ' ')[0],
    direction: DIRECTIONS.has(direction) ? (direction as Direction) : null,
  });
}

/** The layers of `send 50;~100 recv …`. Those behind a tilde are there, but pause; of alternatives the first counts. */
function layersSent(simulcast: string): string[] {
  const words = simulcast.split(' ');
  const sent = words[words.indexOf('send') + 1];
  if (!words.includes('send') || sent === undefined) return [];
  return sent.split(';').map((layer) => splitOnce(layer, ',')[0].replace('~', ''));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** The parameters of a format: `a=fmtp` as a table. */
export function parameters(format: string): Map<string, string> {
  const pairs = format.split(';').map((pair) => splitOnce(pair.trim(), '='));
  return new Map(pairs.filter(([name]) => name !== ''));
}

/** The payload type of the retransmissions (RFC 4588) of another one. */
export function retransmissionOf(section: OfferSection, primary: PayloadType): PayloadType | null {
  const found = section.payloadTypes.find(
    (other) => other.codec === 'rtx' && parameters(other.format).get('apt') === String(primary.number),
  );
  return found ?? null;
}
