/** How long it takes from the click until somebody is heard. */

import { signal } from '@preact/signals';
import type { ReceivedStream } from '../../protocol/index.ts';

/** How often it is looked, and for how long. */
const EVERY_MS = 5;
const MOST_MS = 15_000;

/** Measures one joining at a time. */
export class FirstSound {
  /** Milliseconds from the click to the first sound that was decoded; `null` while there is none. */
  readonly took = signal<number | null>(null);
  #begun: number | null = null;
  #receivers: RTCRtpReceiver[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  /** The click. */
  begin(): void {
    this.cancel();
    this.took.value = null;
    this.#begun = performance.now();
  }

  /** These streams arrive now. */
  watch(streams: readonly ReceivedStream[]): void {
    if (this.#begun === null) return;
    this.#receivers = streams.filter((stream) => stream.kind === 'audio').map((stream) => stream.receiver);
    if (this.#receivers.length > 0) this.#timer ??= setInterval(() => this.#look(), EVERY_MS);
  }

  /** Nobody waits any more. */
  cancel(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#begun = null;
    this.#receivers = [];
  }

  /** Sources appear with the first packet that was handed to the decoder and played. */
  #look(): void {
    if (this.#begun === null) return;
    const elapsed = performance.now() - this.#begun;
    const heard = this.#receivers.some((receiver) => receiver.getSynchronizationSources().length > 0);
    if (heard) this.took.value = elapsed;
    if (heard || elapsed > MOST_MS) this.cancel();
  }
}
