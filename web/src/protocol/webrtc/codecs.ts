/** Which of a browser's codecs are named to the server, and by which numbers. */

import type { Codec } from '../voice/messages.ts';
import { type Offer, type OfferSection, type PayloadType, parameters, retransmissionOf } from './offer.ts';

/** A codec of an offer with the payload types that stand for it. */
export interface CodecChoice {
  name: string;
  primary: PayloadType;
  /** For audio there is none. */
  rtx: PayloadType | null;
}

/** Video codecs, the preferred one first: what every browser can encode in hardware or fast, then the others. */
const VIDEO = ['H264', 'VP8', 'VP9', 'AV1', 'H265'];

/** The choices of one section. */
export function codecsOf(section: OfferSection): CodecChoice[] {
  const names = section.kind === 'audio' ? ['opus'] : VIDEO;
  return names.flatMap((name) => {
    const primary = best(section.payloadTypes.filter((it) => it.codec.toUpperCase() === name.toUpperCase()));
    if (primary === null) return [];
    return [{ name, primary, rtx: retransmissionOf(section, primary) }];
  });
}

/** The codecs of op 1. */
export function describeCodecs(offer: Offer): Codec[] {
  const kinds = ['audio', 'video'] as const;
  return kinds.flatMap((kind) => {
    const section = offer.sections.find((known) => known.kind === kind);
    if (section === undefined) return [];
    return codecsOf(section).map(({ name, primary, rtx }, index) => ({
      name,
      type: kind,
      priority: (index + 1) * 1000,
      payload_type: primary.number,
      rtx_payload_type: rtx?.number ?? null,
      ...(kind === 'video' ? { encode: true, decode: true } : {}),
    }));
  });
}

/**
 * A browser offers some codecs in several profiles. The one that most others decode is chosen: H264 constrained
 * baseline in non-interleaved mode, profile 0 of VP9 and AV1.
 */
function best(candidates: PayloadType[]): PayloadType | null {
  const ranked = candidates.map((candidate) => ({ candidate, rank: rank(candidate) }));
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked[0]?.candidate ?? null;
}

function rank({ codec, format }: PayloadType): number {
  const known = parameters(format);
  switch (codec.toUpperCase()) {
    case 'H264': {
      const interleaved = known.get('packetization-mode') === '1' ? 0 : 4;
      const profile = (known.get('profile-level-id') ?? '').toLowerCase();
      return interleaved + (profile.startsWith('42e0') ? 0 : profile.startsWith('42') ? 1 : 2);
    }
    case 'VP9':
      return Number(known.get('profile-id') ?? 0);
    case 'AV1':
      return Number(known.get('profile') ?? 0);
    default:
      return 0;
  }
}
