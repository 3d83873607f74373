/** What travels over the voice gateway. */

import type { ChannelId, ServerId, SessionId, Ssrc, UserId } from '../ids.ts';
import type { SpeakingFlags, VoiceOp } from '../opcodes.ts';

/** A message either way; `seq` stands on numbered messages from the server. */
export interface VoiceMessage {
  op: VoiceOp | number;
  d: unknown;
  seq?: number;
}

/** What a voice connection is opened with. */
export interface VoiceTicket {
  /** `host[:port]`. */
  endpoint: string;
  server_id: ServerId;
  channel_id: ChannelId;
  user_id: UserId;
  session_id: SessionId;
  token: string;
}

/** The kind of a layer: a camera, or a shared screen. */
export type StreamType = 'video' | 'screen';

/** A layer of video, in any of the messages that name one. */
export interface StreamLayer {
  type?: StreamType;
  rid: string;
  quality: number;
  ssrc: Ssrc;
  rtx_ssrc?: Ssrc;
  active: boolean;
  max_bitrate?: number;
  max_framerate?: number;
  max_resolution?: { type: 'fixed' | 'source'; width: number; height: number };
}

/** Op 2. Browsers choose their own SSRCs and take the address from op 4, so little of it matters. */
export interface VoiceReady {
  ssrc: Ssrc;
  ip: string;
  port: number;
  modes: string[];
  experiments: string[];
  streams: StreamLayer[];
}

/** What one side can send and receive. Smaller priority is better. */
export interface Codec {
  name: string;
  type: 'audio' | 'video';
  priority: number;
  payload_type: number;
  rtx_payload_type: number | null;
  encode?: boolean;
  decode?: boolean;
}

/** Op 1. */
export interface SelectProtocol {
  protocol: 'webrtc';
  /** The fragment of the local offer. */
  data: string;
  sdp: string;
  codecs: Codec[];
  rtc_connection_id: string;
}

/** Op 4 over WebRTC: the server's fragment, and the codecs to send. */
export interface SessionDescription {
  sdp: string;
  audio_codec: string;
  video_codec?: string;
  media_session_id: string;
}

/** Op 14 from the server: what changes of op 4. */
export interface SessionUpdate {
  audio_codec?: string;
  video_codec?: string;
  media_session_id?: string;
}

/** Op 5. */
export interface Speaking {
  speaking: SpeakingFlags;
  ssrc: Ssrc;
  delay?: number;
  user_id?: UserId;
}

/** Op 12: the complete video state of somebody. */
export interface VideoState {
  audio_ssrc: Ssrc;
  video_ssrc: Ssrc;
  rtx_ssrc?: Ssrc;
  streams?: StreamLayer[];
  user_id?: UserId;
}

/** Op 15: wanted qualities from 0 to 100 by SSRC; `any` for those not named. */
export interface SinkWants {
  any?: number;
  pixelCounts?: Record<string, number>;
  [ssrc: string]: number | Record<string, number> | undefined;
}

/** Op 16. */
export interface BackendVersion {
  voice: string;
  rtc_worker: string;
}
