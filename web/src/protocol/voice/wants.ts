/** Who wants how much of which video: op 15 in both directions. */

import type { Ssrc } from '../ids.ts';
import type { EncoderOrders } from '../webrtc/peer.ts';
import type { SinkWants } from './messages.ts';

/** How large a stream of video is shown here. */
export interface View {
  ssrc: Ssrc;
  /** Pixels of the screen that it covers; 0 while nobody sees it. */
  pixels: number;
}

/** A picture of at least this many pixels is worth the best layer. */
const LARGE = 640 * 360;

/** What this side wants to receive. Sound is always wanted, unless one hears nothing anyway. */
export function sinkWants(views: Iterable<View>, deaf: boolean): SinkWants {
  const wants: SinkWants = { any: deaf ? 0 : 100 };
  const pixelCounts: Record<string, number> = {};
  for (const { ssrc, pixels } of views) {
    wants[String(ssrc)] = pixels === 0 ? 0 : pixels < LARGE ? 50 : 100;
    if (pixels > 0) pixelCounts[String(ssrc)] = pixels;
  }
  if (Object.keys(pixelCounts).length > 0) wants.pixelCounts = pixelCounts;
  return wants;
}

/** Steps that a picture is scaled down in: a new one restarts the encoder, so there are few. */
const STEPS = [1, 1.5, 2, 3, 4];

/**
 * What the server's wishes mean for the encoder of a video of so many pixels. The video goes by the number that the
 * browser chose, and by the one that Ready assigned to it.
 */
export function encoderOrders(wants: SinkWants, names: readonly Ssrc[], sourcePixels: number): EncoderOrders {
  const keys = names.map(String);
  const named = keys.map((key) => wants[key]).find((quality) => typeof quality === 'number');
  const quality = named ?? wants.any ?? 100;
  const pixels = keys.map((key) => wants.pixelCounts?.[key]).find((count) => count !== undefined);
  const exact = pixels === undefined || pixels <= 0 ? 1 : Math.sqrt(sourcePixels / pixels);
  // Never smaller than what is seen: the last step that keeps at least that.
  const scaleDownBy = STEPS.filter((step) => step <= exact * 1.05).at(-1) ?? 1;
  return { active: quality > 0, scaleDownBy };
}
