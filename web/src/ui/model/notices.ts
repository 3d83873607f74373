/** Short messages that are shown and read aloud, and then go away. */

import { signal } from '@preact/signals';

/** A message. */
export interface Notice {
  id: number;
  text: string;
  /** Something went wrong. */
  bad: boolean;
}

/** Those that are shown. */
export const notices = signal<readonly Notice[]>([]);

const SHOWN_MS = { good: 4_000, bad: 8_000 };
let last = 0;

/** Says something. */
export function say(text: string): void {
  show(text, false);
}

/** Says that something went wrong. */
export function complain(what: unknown): void {
  show(what instanceof Error ? what.message : String(what), true);
}

/** Takes a message away. */
export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

function show(text: string, bad: boolean): void {
  const notice = { id: (last += 1), text, bad };
  // The same again is not said twice.
  notices.value = [...notices.value.filter((known) => known.text !== text), notice].slice(-3);
  setTimeout(() => dismiss(notice.id), bad ? SHOWN_MS.bad : SHOWN_MS.good);
}
