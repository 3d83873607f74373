/** Test voice bots against a Voxhall server that fails when it is told to. */

/** The level of digital silence, in dBFS. */
export const SILENCE: number;

/** Somebody who can log in. */
export interface Account { id: string; name: string; token: string }

/** What one account sent within one window. */
export interface Heard {
  /** When the window ended, in Unix milliseconds. */
  atMs: number;
  windowMs: number;
  /** The source of the last packet. */
  ssrc: number | null;
  /** RMS of both channels in dBFS. */
  level: number;
  packets: number;
  /** Packets that never came, by the numbers of those that did. */
  lost: number;
  /** The Opus packets. */
  frames: Buffer[];
}

/** What happens to datagrams: shares in per cent, times in milliseconds. */
export interface Datagrams {
  direction?: 'up' | 'down' | 'both';
  drop?: number;
  duplicate?: number;
  corrupt?: number;
  delay_ms?: number;
  jitter_ms?: number;
  /** No more passes; the rest waits up to `queue_ms` (200) and is lost then. */
  bits_per_second?: number;
  queue_ms?: number;
  seed?: number;
  for_ms?: number;
}

/** Starts a server on free ports, and stops it when the test `t` of node:test is over. */
export function voxhall(t: { after(end: () => Promise<void>): void }, ...args: string[]): Promise<Voxhall>;

/** A development server in a process of its own. */
export class Voxhall {
  static start(...args: string[]): Promise<Voxhall>;
  readonly folder: string;
  /** `http://host:port`. */
  readonly base: string;
  /** Base address of REST, up to and without `/v10`. */
  readonly api: string;
  /** The certificate file; this process trusts it already. */
  readonly ca: string;
  readonly guild: string;
  /** The voice channel that is listened to if no other is named. */
  readonly channel: string;
  readonly channels: string[];
  readonly textChannel: string;
  readonly people: Account[];
  stop(): Promise<void>;
  log(): Promise<string>;
  bot(name?: string): Promise<Account>;
  user(name?: string): Promise<Account>;
  voiceChannel(name?: string): Promise<string>;
  faults(bot: Account): Faults;
  client(bot: Account): Promise<{
    sessions: { session_id: string; connected: boolean }[];
    voice: {
      guild_id: string | null; channel_id: string; session_id: string;
      endpoint: string | null; link: 'connected' | 'detached' | 'gone' | null;
    }[];
  }>;
  connected(bot: Account, timeout?: number): Promise<void>;
  listen(channel?: string): Promise<Listener>;
  speak(file: string, channel?: string): void;
  heard(bot: Account, options?: { window?: number; within?: number }): Promise<number>;
  request(method: string, path: string, account: Account, body?: unknown): Promise<any>;
  operate(method: string, path: string, body?: unknown): Promise<any>;
}

/** What goes wrong on purpose for one bot. Times are in milliseconds. */
export class Faults {
  constructor(server: Voxhall, bot: Account);
  datagrams(wanted: Datagrams): Promise<void>;
  healDatagrams(direction?: 'up' | 'down' | 'both'): Promise<void>;
  /** Without a code the connection breaks without a close frame (1006). */
  closeVoice(code?: number, reason?: string): Promise<void>;
  withholdVoiceAcks(forMs?: number): Promise<void>;
  refuseVoiceResumes(times?: number): Promise<void>;
  move(endpoint?: string): Promise<void>;
  takeVoiceServer(forMs?: number): Promise<void>;
  expireVoiceToken(): Promise<void>;
  crashWorker(): Promise<void>;
  closeGateway(code?: number, reason?: string): Promise<void>;
  withholdGatewayAcks(forMs?: number): Promise<void>;
  refuseGatewayResumes(times?: number): Promise<void>;
  dropDispatch(name: string, times?: number): Promise<void>;
  delayDispatch(name: string, delayMs: number, times?: number): Promise<void>;
  expireToken(forMs?: number): Promise<void>;
  acceptToken(): Promise<void>;
  clear(): Promise<void>;
}

/** A client in a voice channel that keeps what it hears. */
export class Listener {
  readonly joined: Promise<void>;
  heard(bot: Account, sinceMs?: number): Heard[];
  speaking(bot: Account): boolean[];
  voiceStates(bot: Account): any[];
  level(bot: Account, window: number, within: number): Promise<number>;
}
