/** Where somebody stands on a stage. */

import type { VoiceState } from '../../protocol/index.ts';

/** Told by two fields of the voice state. */
export type Standing = 'listens' | 'asks' | 'invited' | 'speaks';

/** See `Standing`. Outside of stages everybody speaks who is not suppressed. */
export function standing({ suppress, request_to_speak_timestamp }: VoiceState): Standing {
  const hand = typeof request_to_speak_timestamp === 'string';
  if (suppress) return hand ? 'asks' : 'listens';
  return hand ? 'invited' : 'speaks';
}
