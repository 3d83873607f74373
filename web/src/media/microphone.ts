/** The microphone: opened once, listened to for its level, and let through or not. */

import { signal } from '@preact/signals';
import { type MicrophoneWish, openMicrophone } from './devices.ts';
import { Level } from './level.ts';

/** How loud it is at the microphone, from 0 to 1; also while it is muted. */
export const microphoneLevel = signal(0);

/** A level above this is speech. */
export const SPEECH = 0.012;
/** How often the level is looked at. */
const EVERY_MS = 80;

interface Capture {
  track: MediaStreamTrack;
  /** Measured in place of the track, so that one sees that the microphone works while nothing passes. */
  copy: MediaStreamTrack;
  context: AudioContext;
  timer: ReturnType<typeof setInterval>;
}

/** See the module. The track is disabled while nothing shall pass: then silence is sent. */
export class Microphone {
  #capture: Capture | null = null;
  #open = false;

  /** The track to send; `null` while there is none. */
  get track(): MediaStreamTrack | null {
    return this.#capture?.track ?? null;
  }

  /** Opens a device in place of the one before. */
  async start(wish: MicrophoneWish): Promise<MediaStreamTrack> {
    const track = await openMicrophone(wish);
    this.stop();
    track.enabled = this.#open;
    const copy = track.clone();
    copy.enabled = true;
    const context = new AudioContext({ latencyHint: 'playback' });
    const level = new Level(context, copy);
    const timer = setInterval(() => {
      microphoneLevel.value = level.read();
    }, EVERY_MS);
    this.#capture = { track, copy, context, timer };
    return track;
  }

  /** Gives the device back. */
  stop(): void {
    if (this.#capture === null) return;
    const { track, copy, context, timer } = this.#capture;
    this.#capture = null;
    clearInterval(timer);
    track.stop();
    copy.stop();
    void context.close();
    microphoneLevel.value = 0;
  }

  /** Lets sound pass, or not. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (this.#capture !== null) this.#capture.track.enabled = open;
  }
}
