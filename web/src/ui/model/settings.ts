/** What a person has set; kept in the browser. */

import { effect, signal } from '@preact/signals';
import type { UserId } from '../../protocol/index.ts';

/** Dark, light, or as the machine is. */
export type Theme = 'auto' | 'dark' | 'light';

/** All of it. */
export interface Settings {
  theme: Theme;
  microphone: string | null;
  camera: string | null;
  speaker: string | null;
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGain: boolean;
  pushToTalk: boolean;
  /** The key to talk, by its place on the keyboard (`KeyboardEvent.code`). */
  talkKey: string;
  mute: boolean;
  deaf: boolean;
  /** From 0 to 1, for those who are not as loud as they come. */
  volumes: Record<UserId, number>;
}

const KEY = 'voxhall.settings';

const DEFAULTS: Settings = {
  theme: 'auto',
  microphone: null,
  camera: null,
  speaker: null,
  echoCancellation: true,
  noiseSuppression: true,
  autoGain: true,
  pushToTalk: false,
  talkKey: 'Backquote',
  mute: false,
  deaf: false,
  volumes: {},
};

/** The settings of now. */
export const settings = signal<Settings>(load());

/** Changes some of them. */
export function set(change: Partial<Settings>): void {
  settings.value = { ...settings.value, ...change };
}

/** How loud a person is played, from 0 to 1. */
export function volumeOf(user: UserId): number {
  return settings.value.volumes[user] ?? 1;
}

/** Plays a person at another volume. */
export function setVolume(user: UserId, volume: number): void {
  set({ volumes: { ...settings.value.volumes, [user]: volume } });
}

/** Writes changes down and shows the theme, from now on. */
export function keepSettings(): void {
  effect(() => {
    const { theme } = settings.value;
    localStorage.setItem(KEY, JSON.stringify(settings.value));
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  });
}

function load(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>;
    return { ...DEFAULTS, ...kept };
  } catch {
    // What was kept is damaged: begin anew.
    return DEFAULTS;
  }
}
