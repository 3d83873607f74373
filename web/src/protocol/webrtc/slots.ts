/** Which of the receiving sections of a connection takes which stream. */

import type { RemoteStream } from '../voice/roster.ts';

/** A section that receives, and what it is used for. */
export interface Slot<Transceiver> {
  transceiver: Transceiver;
  kind: RemoteStream['kind'];
  stream: RemoteStream | null;
}

/** Sections are only ever appended, and those that are free are used again: an offer never loses a section. */
export class Slots<Transceiver> {
  #slots: Slot<Transceiver>[] = [];

  /** `add` makes another receiving section. */
  constructor(private readonly add: (kind: RemoteStream['kind']) => Transceiver) {}

  /** All of them. */
  get all(): readonly Slot<Transceiver>[] {
    return this.#slots;
  }

  /** Gives every stream a section; returns whether anything has changed. */
  assign(streams: readonly RemoteStream[]): boolean {
    const wanted = new Map(streams.map((stream) => [stream.ssrc, stream]));
    let changed = false;
    for (const slot of this.#slots) {
      const kept = slot.stream === null ? undefined : wanted.get(slot.stream.ssrc);
      const same = kept !== undefined && slot.stream !== null && isSame(kept, slot.stream);
      if (same) {
        wanted.delete(kept.ssrc);
      } else if (slot.stream !== null) {
        slot.stream = null;
        changed = true;
      }
    }
    for (const stream of wanted.values()) {
      this.#free(stream.kind).stream = stream;
      changed = true;
    }
    return changed;
  }

  #free(kind: RemoteStream['kind']): Slot<Transceiver> {
    const free = this.#slots.find((slot) => slot.kind === kind && slot.stream === null);
    if (free !== undefined) return free;
    const slot: Slot<Transceiver> = { transceiver: this.add(kind), kind, stream: null };
    this.#slots.push(slot);
    return slot;
  }
}

function isSame(a: RemoteStream, b: RemoteStream): boolean {
  return a.user === b.user && a.kind === b.kind && a.ssrc === b.ssrc && a.rtx === b.rtx;
}
