/** Who speaks, from the sound that arrives. */

import { signal } from '@preact/signals';
import type { ReceivedStream, UserId } from '../protocol/index.ts';
import { Level } from './level.ts';
import { microphoneLevel, SPEECH } from './microphone.ts';

/** Those whose sound is loud enough to be speech, oneself included. */
export const speaking = signal<ReadonlySet<UserId>>(new Set());
/** How loud each person is, from 0 to 1. */
export const levels = new Map<UserId, number>();

/** How often it is looked. */
const EVERY_MS = 100;
/** How long a ring stays after the last loud moment: words have pauses. */
const HOLD_MS = 350;

interface Watched {
  user: UserId;
  level: Level;
}

/** Watches the streams of a room. */
export class LevelMeter {
  #context: AudioContext | null = null;
  #watched = new Map<MediaStreamTrack, Watched>();
  #loudAt = new Map<UserId, number>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    /** Oneself, and whether what the microphone hears is sent. */
    private readonly own: () => { user: UserId; open: boolean } | null,
  ) {}

  /** Watches exactly these. */
  watch(streams: readonly ReceivedStream[]): void {
    const context = (this.#context ??= new AudioContext({ latencyHint: 'playback' }));
    const wanted = new Map(streams.filter((it) => it.kind === 'audio').map((it) => [it.track, it.user]));
    for (const [track, { user, level }] of this.#watched) {
      if (wanted.get(track) === user) continue;
      level.stop();
      this.#watched.delete(track);
    }
    for (const [track, user] of wanted) {
      if (!this.#watched.has(track)) this.#watched.set(track, { user, level: new Level(context, track) });
    }
    this.#timer ??= setInterval(() => this.#look(), EVERY_MS);
  }

  /** The person has touched the page: a browser that waited for that measures from now on. */
  unblock(): void {
    void this.#context?.resume();
  }

  /** Looks away. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#watched.clear();
    void this.#context?.close();
    this.#context = null;
    this.#loudAt.clear();
    levels.clear();
    speaking.value = new Set();
  }

  #look(): void {
    const now = performance.now();
    levels.clear();
    for (const { user, level } of this.#watched.values()) levels.set(user, level.read());
    const own = this.own();
    if (own !== null) levels.set(own.user, own.open ? microphoneLevel.value : 0);
    for (const [user, level] of levels) if (level > SPEECH) this.#loudAt.set(user, now);
    const loud = [...levels.keys()].filter((user) => now - (this.#loudAt.get(user) ?? -HOLD_MS) < HOLD_MS);
    const before = speaking.value;
    if (loud.length !== before.size || loud.some((user) => !before.has(user))) speaking.value = new Set(loud);
  }
}
