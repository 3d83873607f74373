/** Op 12: what is said about one's own video. */

import { NO_SSRC } from '../ids.ts';
import type { LayerPlan } from '../webrtc/layers.ts';
import type { OwnSsrcs } from '../webrtc/peer.ts';
import type { StreamLayer, StreamType, VideoState } from './messages.ts';

/** What is published, apart from the SSRCs. */
export interface Publication {
  type: StreamType;
  /** The least first. */
  layers: readonly LayerPlan[];
  /** Of the source, in pixels. */
  width: number;
  height: number;
  maxFramerate: number;
}

/** The state of one's own video. All layers are named, whether they are sent or not; the best one is the primary. */
export function videoState(own: OwnSsrcs, { type, layers, width, height, maxFramerate }: Publication): VideoState {
  const streams = layers.map(({ rid, quality, maxBitrate, scaleDownBy }): StreamLayer => {
    const sent = own.video.find((known) => known.rid === rid);
    return {
      type,
      rid,
      ssrc: sent?.ssrc ?? NO_SSRC,
      active: sent !== undefined,
      quality,
      // Without a number the server finds retransmissions by the layer that they name.
      rtx_ssrc: sent?.rtx ?? NO_SSRC,
      max_bitrate: maxBitrate,
      max_framerate: maxFramerate,
      max_resolution: {
        type: 'fixed',
        width: Math.floor(width / scaleDownBy),
        height: Math.floor(height / scaleDownBy),
      },
    };
  });
  const primary = own.video.at(-1);
  return {
    audio_ssrc: own.audio,
    video_ssrc: primary?.ssrc ?? NO_SSRC,
    rtx_ssrc: primary?.rtx ?? NO_SSRC,
    streams,
  };
}
