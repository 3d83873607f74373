/** How the connections do, second by second. */

import { signal } from '@preact/signals';
import {
  type ConnectionFigures,
  readFigures,
  type StreamFigures,
  type UserId,
  type VoiceConnection,
} from '../../protocol/index.ts';
import type { App } from './app.ts';

/** The whole of a second. */
export interface Moment {
  /** Unix seconds. */
  at: number;
  /** Milliseconds. */
  roundTrip: number | null;
  /** From 0 to 1: the worst of what arrives. */
  loss: number;
  /** Milliseconds: the worst of what arrives. */
  jitter: number;
  /** Bit/s. */
  down: number;
  up: number;
}

/** A stream with whose it is. */
export interface Row extends StreamFigures {
  key: string;
  user: UserId | null;
  /** Of a shared screen. */
  live: boolean;
}

/** Moments that are kept: two minutes. */
const KEPT = 120;
const EVERY_MS = 1_000;

/** Watches while somebody looks. */
export class Network {
  readonly moments = signal<readonly Moment[]>([]);
  readonly rows = signal<readonly Row[]>([]);
  /** What could be sent, in bit/s, as the browser reckons. */
  readonly available = signal<number | null>(null);
  #before = new Map<VoiceConnection, ConnectionFigures>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly app: App) {}

  /** Looks every second until the function that is returned is called. */
  watch(): () => void {
    void this.#look();
    this.#timer ??= setInterval(() => void this.#look(), EVERY_MS);
    return () => {
      if (this.#timer !== null) clearInterval(this.#timer);
      this.#timer = null;
      this.#before.clear();
      this.moments.value = [];
      this.rows.value = [];
    };
  }

  async #look(): Promise<void> {
    const connections = connectionsOf(this.app);
    const rows: Row[] = [];
    let main: ConnectionFigures | null = null;
    for (const { connection, live } of connections) {
      const before = this.#before.get(connection) ?? null;
      const figures = await readConnection(connection, before);
      this.#before.set(connection, figures);
      if (!live) main = figures;
      rows.push(...rowsOf(connection, figures, live));
    }
    this.rows.value = rows;
    this.available.value = main?.availableOutgoing ?? null;
    if (main !== null) this.moments.value = [...this.moments.value, summary(main, rows)].slice(-KEPT);
  }
}

/** Every voice connection that there is. */
export function connectionsOf(app: App): { connection: VoiceConnection; live: boolean }[] {
  const room = app.session?.connection ?? null;
  const streams = app.live.value.flatMap((stream) => stream.connection ?? []);
  return [
    ...(room === null ? [] : [{ connection: room, live: false }]),
    ...streams.map((connection) => ({ connection, live: true })),
  ];
}

/** Reads the figures of a connection. */
export async function readConnection(
  connection: VoiceConnection,
  before: ConnectionFigures | null,
): Promise<ConnectionFigures> {
  const report = await connection.statistics();
  const entries: Parameters<typeof readFigures>[0] = (report as unknown as Map<string, never>).values();
  return readFigures(entries, performance.now(), before);
}

/** The streams of a connection, with whose they are. Those that carry nothing any more are left out. */
export function rowsOf(connection: VoiceConnection, figures: ConnectionFigures, live: boolean): Row[] {
  const owners = new Map(connection.received().map((stream) => [stream.ssrc, stream.user]));
  const { own } = connection;
  return figures.streams.flatMap((stream) => {
    const user = owners.get(stream.ssrc) ?? null;
    const sent = stream.ssrc === own.audio || own.video.some(({ ssrc }) => ssrc === stream.ssrc);
    const mine = stream.direction === 'out' && sent;
    if (user === null && !mine) return [];
    return [{ ...stream, user, live, key: `${live}${stream.direction}${stream.ssrc}` }];
  });
}

function summary(main: ConnectionFigures, rows: Row[]): Moment {
  const incoming = rows.filter((row) => row.direction === 'in');
  const sum = (direction: Row['direction']): number =>
    rows.filter((row) => row.direction === direction).reduce((all, row) => all + row.bitrate, 0);
  return {
    at: Date.now() / 1000,
    roundTrip: main.roundTrip,
    loss: Math.max(0, ...incoming.map((row) => row.loss)),
    jitter: Math.max(0, ...incoming.map((row) => row.jitter)),
    down: sum('in'),
    up: sum('out'),
  };
}
