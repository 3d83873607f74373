/** The voices of others: one audio element for each stream, with its volume. */

import { signal } from '@preact/signals';
import type { ReceivedStream, UserId } from '../protocol/index.ts';

/** The browser plays nothing until the person has touched the page. */
export const soundIsBlocked = signal(false);

/** What is played with. */
export interface PlaybackSettings {
  /** Nothing is heard. */
  deaf: boolean;
  /** The loudspeaker; `null` for the usual one. */
  speaker: string | null;
  /** From 0 to 1 for each person. */
  volumeOf: (user: UserId) => number;
}

interface Voice {
  user: UserId;
  track: MediaStreamTrack;
  element: HTMLAudioElement;
}

/** Plays what arrives. */
export class Playback {
  #voices = new Map<string, Voice>();
  #settings: PlaybackSettings = { deaf: false, speaker: null, volumeOf: () => 1 };

  /** Plays exactly these streams of a connection; `connection` tells those of several apart. */
  play(connection: string, streams: readonly ReceivedStream[]): void {
    const voices = streams.filter((stream) => stream.kind === 'audio');
    const wanted = new Map(voices.map((stream) => [`${connection}/${stream.ssrc}`, stream]));
    for (const [key, voice] of this.#voices) {
      if (!key.startsWith(`${connection}/`)) continue;
      if (wanted.get(key)?.track !== voice.track) this.#stop(key, voice);
    }
    for (const [key, { user, track }] of wanted) {
      if (!this.#voices.has(key)) this.#start(key, user, track);
    }
  }

  /** Plays in another way. */
  configure(settings: PlaybackSettings): void {
    this.#settings = settings;
    for (const voice of this.#voices.values()) this.#apply(voice);
  }

  /** The person has touched the page: try again. */
  async unblock(): Promise<void> {
    await Promise.all([...this.#voices.values()].map((voice) => this.#begin(voice)));
  }

  #start(key: string, user: UserId, track: MediaStreamTrack): void {
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    const voice = { user, track, element };
    this.#voices.set(key, voice);
    this.#apply(voice);
    void this.#begin(voice);
  }

  async #begin({ element }: Voice): Promise<void> {
    try {
      await element.play();
      soundIsBlocked.value = false;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') soundIsBlocked.value = true;
    }
  }

  #apply({ user, element }: Voice): void {
    const { deaf, speaker, volumeOf } = this.#settings;
    element.muted = deaf;
    element.volume = Math.min(1, Math.max(0, volumeOf(user)));
    if ('setSinkId' in element && element.sinkId !== (speaker ?? '')) {
      // A loudspeaker that is gone is no reason for silence: the usual one goes on.
      element.setSinkId(speaker ?? '').catch(() => {});
    }
  }

  #stop(key: string, { element }: Voice): void {
    element.pause();
    element.srcObject = null;
    this.#voices.delete(key);
  }
}
