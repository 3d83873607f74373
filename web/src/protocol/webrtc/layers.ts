/** The layers in which video is sent (simulcast, RFC 8853): each receiver gets the one that its link carries. */

import { NO_SSRC, type Ssrc } from '../ids.ts';

/** A layer as it is planned. */
export interface LayerPlan {
  rid: string;
  /** From 1 to 100. */
  quality: number;
  /** Bit/s. */
  maxBitrate: number;
  /** By how much width and height of the source are divided at least. */
  scaleDownBy: number;
}

/** The SSRCs of a layer that is sent. */
export interface LayerSsrcs {
  rid: string;
  ssrc: Ssrc;
  /** Of its retransmissions; `NO_SSRC` where they are not known. */
  rtx: Ssrc;
}

/** What the encoder of a layer is told. */
export interface LayerOrder {
  rid: string;
  /** Whether it is sent. */
  active: boolean;
  /** By how much width and height of the source are divided. */
  scaleDownBy: number;
}

/** What a browser is to encode (W3C webrtc, section 5.2). A single layer has no name. */
export function encodingsOf(layers: readonly LayerPlan[]): RTCRtpEncodingParameters[] {
  return layers.map(({ rid, maxBitrate, scaleDownBy }) => ({
    ...(layers.length > 1 ? { rid } : {}),
    maxBitrate,
    scaleResolutionDownBy: scaleDownBy,
  }));
}

/**
 * Which SSRCs the browser chose for its layers, in their order, from its statistics: its offers do not name them.
 * `null` until all have one.
 */
export function layerSsrcs(
  report: Iterable<Record<string, unknown>>,
  layers: readonly Pick<LayerPlan, 'rid'>[],
): LayerSsrcs[] | null {
  const sent = [...report].filter((entry) => entry['type'] === 'outbound-rtp' && entry['kind'] === 'video');
  const found = layers.flatMap(({ rid }) => {
    const entry = sent.find((known) => known['rid'] === rid);
    const [ssrc, rtx] = [entry?.['ssrc'], entry?.['rtxSsrc']];
    if (typeof ssrc !== 'number') return [];
    return [{ rid, ssrc: ssrc as Ssrc, rtx: typeof rtx === 'number' ? (rtx as Ssrc) : NO_SSRC }];
  });
  return found.length === layers.length ? found : null;
}
