/** Who is in the room and which streams they send, as the voice gateway tells it. */

import { NO_SSRC, type Ssrc, type UserId } from '../ids.ts';
import type { Speaking, StreamLayer, VideoState } from './messages.ts';

/** A stream of somebody else, as it will arrive here. */
export interface RemoteStream {
  user: UserId;
  kind: 'audio' | 'video';
  ssrc: Ssrc;
  /** Retransmissions of it; `NO_SSRC` for audio. */
  rtx: Ssrc;
}

interface Person {
  audio: Ssrc;
  video: VideoState | null;
}

/** The people of one voice connection, without oneself. */
export class Roster {
  #people = new Map<UserId, Person>();

  constructor(private readonly self: UserId) {}

  /** Who is there. */
  get users(): UserId[] {
    return [...this.#people.keys()];
  }

  /** Forgets everyone: the session is another one. */
  clear(): void {
    this.#people.clear();
  }

  /** Op 11. */
  connected(users: UserId[]): void {
    for (const user of users) this.#person(user);
  }

  /** Op 13. */
  disconnected(user: UserId): void {
    this.#people.delete(user);
  }

  /** Op 5. */
  speaking({ user_id, ssrc }: Speaking): void {
    if (user_id === undefined || ssrc === NO_SSRC) return;
    const person = this.#person(user_id);
    if (person !== null) person.audio = ssrc;
  }

  /** Op 12. */
  video(state: VideoState): void {
    if (state.user_id === undefined) return;
    const person = this.#person(state.user_id);
    if (person === null) return;
    person.video = state;
    if (state.audio_ssrc !== NO_SSRC) person.audio = state.audio_ssrc;
  }

  /** The layers that somebody publishes, the best first; empty without video. */
  layersOf(user: UserId): StreamLayer[] {
    const state = this.#people.get(user)?.video;
    if (!state || state.video_ssrc === NO_SSRC) return [];
    const active = (state.streams ?? []).filter((layer) => layer.active);
    return active.sort((a, b) => b.quality - a.quality);
  }

  /** Every stream that can arrive, in the order in which people came. */
  streams(): RemoteStream[] {
    return [...this.#people].flatMap(([user, person]) => {
      const streams: RemoteStream[] = [];
      if (person.audio !== NO_SSRC) streams.push({ user, kind: 'audio', ssrc: person.audio, rtx: NO_SSRC });
      const video = this.#videoOf(user, person);
      if (video !== null) streams.push(video);
      return streams;
    });
  }

  #videoOf(user: UserId, { video }: Person): RemoteStream | null {
    if (video === null || this.layersOf(user).length === 0) return null;
    // Servers that face browsers send retransmissions on the next number where they name none.
    const rtx = video.rtx_ssrc || ((video.video_ssrc + 1) as Ssrc);
    return { user, kind: 'video', ssrc: video.video_ssrc, rtx };
  }

  #person(user: UserId): Person | null {
    if (user === this.self) return null;
    const known = this.#people.get(user);
    if (known !== undefined) return known;
    const person = { audio: NO_SSRC, video: null };
    this.#people.set(user, person);
    return person;
  }
}
