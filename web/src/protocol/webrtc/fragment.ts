/** The SDP fragments that stand in for whole session descriptions on the voice gateway. */

import { type Offer, parameters } from './offer.ts';

/**
 * The fragment of a local offer for op 1: the lines about ICE, DTLS and header extensions, and the payload types of
 * Opus, VP8 and its retransmissions, in their order and each once.
 */
export function fragmentOf(offer: Offer): string {
  const wanted = fragmentPayloadTypes(offer);
  const lines = offer.lines.filter((line) => isTransport(line) || isNamed(line, wanted));
  return [...new Set(lines)].join('\n');
}

function isTransport(line: string): boolean {
  const kept = ['a=ice-', 'a=fingerprint:', 'a=extmap:'];
  return line === 'a=extmap-allow-mixed' || kept.some((start) => line.startsWith(start));
}

function isNamed(line: string, wanted: ReadonlySet<string>): boolean {
  const number = /^a=rtpmap:(\d+) /.exec(line)?.[1];
  return number !== undefined && wanted.has(number);
}

function fragmentPayloadTypes({ sections }: Offer): Set<string> {
  const all = sections.flatMap((section) => section.payloadTypes);
  const named = (...names: string[]): string[] =>
    all.filter((it) => names.includes(it.codec.toLowerCase())).map((it) => String(it.number));
  const vp8 = named('vp8');
  const rtx = all.filter((it) => it.codec === 'rtx' && vp8.includes(parameters(it.format).get('apt') ?? ''));
  return new Set([...named('opus'), ...vp8, ...rtx.map((it) => String(it.number))]);
}

/** The server's side of the transport, from op 4. */
export interface ServerTransport {
  port: number;
  /** The text of `c=`. */
  connection: string;
  iceUfrag: string;
  icePwd: string;
  /** With its hash function in front. */
  fingerprint: string;
  /** The texts behind `a=candidate:`. */
  candidates: string[];
}

/** A fragment that leads nowhere. */
export class FragmentError extends Error {
  constructor(missing: string) {
    super(`the voice server's session description has no ${missing}; the server is not one that speaks WebRTC`);
    this.name = 'FragmentError';
  }
}

/** Reads the server's fragment. */
export function parseServerFragment(sdp: string): ServerTransport {
  const lines = sdp.split(/\r?\n/);
  const find = (start: string): string | undefined =>
    lines.find((line) => line.startsWith(start))?.slice(start.length);
  const need = (start: string, name: string): string => {
    const value = find(start);
    if (value === undefined) throw new FragmentError(name);
    return value;
  };
  const candidates = lines.filter((line) => line.startsWith('a=candidate:')).map((line) => line.slice(12));
  const first = candidates[0];
  if (first === undefined) throw new FragmentError('candidate');
  const port = Number(find('a=rtcp:')?.split(' ')[0] ?? find('m=')?.split(' ')[1] ?? first.split(' ')[5]);
  if (!Number.isInteger(port)) throw new FragmentError('port');
  return {
    port,
    connection: need('c=', 'address'),
    iceUfrag: need('a=ice-ufrag:', 'ICE user'),
    icePwd: need('a=ice-pwd:', 'ICE password'),
    fingerprint: need('a=fingerprint:', 'fingerprint'),
    candidates,
  };
}
