/** Who wants how much of which video: op 15 in both directions. */

import type { Ssrc } from '../ids.ts';
import type { LayerOrder, LayerPlan } from '../webrtc/layers.ts';
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

/** A layer that is sent, the numbers by which the server may call it included. */
export interface SentLayer extends Pick<LayerPlan, 'rid' | 'quality' | 'scaleDownBy'> {
  names: readonly Ssrc[];
}

/**
 * What the server's wishes mean for the encoders of a video of so many pixels, the least layer first. A layer goes by
 * the number that the browser chose, and by the one that Ready assigned to it. One that nobody gets is not encoded:
 * whoever wishes for less than it gets a lower one.
 */
export function encoderOrders(wants: SinkWants, layers: readonly SentLayer[], sourcePixels: number): LayerOrder[] {
  const wishes = layers.map(({ names }) => wish(wants, names));
  const least = wishes.findIndex(({ quality }) => quality > 0);
  return layers.map((layer, index) => {
    const { quality = 0, pixels } = wishes[index] ?? {};
    const active = quality > 0 && (quality >= layer.quality || index === least);
    const exact = pixels === undefined || pixels <= 0 ? 1 : Math.sqrt(sourcePixels / pixels);
    // Never smaller than what is seen: the last step that keeps at least that. And never as small as the layer below.
    const below = layers[index - 1]?.scaleDownBy ?? Number.POSITIVE_INFINITY;
    const step = STEPS.filter((step) => step <= exact * 1.05 && step < below).at(-1) ?? 1;
    return { rid: layer.rid, active, scaleDownBy: Math.max(step, layer.scaleDownBy) };
  });
}

function wish(wants: SinkWants, names: readonly Ssrc[]): { quality: number; pixels: number | undefined } {
  const keys = names.map(String);
  const named = keys.map((key) => wants[key]).find((quality) => typeof quality === 'number');
  const pixels = keys.map((key) => wants.pixelCounts?.[key]).find((count) => count !== undefined);
  return { quality: named ?? wants.any ?? 100, pixels };
}
