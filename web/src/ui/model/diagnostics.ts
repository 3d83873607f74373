/**
 * `window.voxhall`: what the page knows of its call, to be read by tests and by whoever looks into the console. It
 * changes nothing; see web/README.md.
 */

import { levels, speaking } from '../../media/levels.ts';
import type { ConnectionFigures, OwnSsrcs, UserId } from '../../protocol/index.ts';
import type { App } from './app.ts';
import { connectionsOf, readConnection, type Row, rowsOf } from './network.ts';
import { notices } from './notices.ts';

/** Somebody in the room. */
export interface PeerDiagnostics {
  user: UserId;
  name: string;
  /** The root of the mean square of what was heard last, from 0 to 1. */
  level: number;
  speaking: boolean;
  /** Streams that arrive of them. */
  audio: boolean;
  video: boolean;
}

/** Everything at one moment. */
export interface Diagnostics {
  user: UserId | null;
  gateway: string;
  room: { guild: string | null; channel: string; phase: string } | null;
  /** Signalling and media of the voice connection. */
  link: string;
  transport: string;
  own: OwnSsrcs | null;
  videoCodec: string | null;
  peers: PeerDiagnostics[];
  live: { key: string; own: boolean; viewers: UserId[]; transport: string | null }[];
  incomingCall: string | null;
  outgoingCall: string | null;
  /** Milliseconds from the click to join until the first sound was decoded. */
  firstSoundMs: number | null;
  notices: string[];
}

/** What stands on `window`. */
export interface VoxhallWindow {
  /** What is now. */
  readonly state: Diagnostics;
  /** Statistics of every stream of every voice connection. */
  statistics(): Promise<Row[]>;
}

/** Puts it there. */
export function exposeDiagnostics(current: () => App | null): void {
  const voxhall: VoxhallWindow = {
    get state() {
      return describe(current());
    },
    statistics: () => statistics(current()),
  };
  Object.defineProperty(window, 'voxhall', { value: Object.freeze(voxhall) });
}

function describe(app: App | null): Diagnostics {
  const connection = app?.session?.connection ?? null;
  const join = app?.join.value;
  const room = join === undefined || join.phase === 'out' ? null : { ...join.room, phase: join.phase };
  return {
    user: app?.world.me.value?.id ?? null,
    gateway: app?.gatewayState.value.phase ?? 'idle',
    room,
    link: app?.link.value ?? 'ended',
    transport: app?.transport.value ?? 'new',
    own: connection?.own ?? null,
    videoCodec: connection?.videoCodec ?? null,
    peers: app === null ? [] : peers(app),
    live: (app?.live.value ?? []).map(({ key, own, viewers, connection }) => {
      return { key, own, viewers, transport: connection?.transport ?? null };
    }),
    incomingCall: app?.calls.incoming.value?.channel ?? null,
    outgoingCall: app?.calls.outgoing.value ?? null,
    firstSoundMs: app?.firstSound.took.value ?? null,
    notices: notices.value.map((notice) => notice.text),
  };
}

function peers(app: App): PeerDiagnostics[] {
  const { room, streams, world } = app;
  const me = world.me.value?.id;
  if (room.value === null) return [];
  const others = world.inRoom(room.value.channel).filter((state) => state.user_id !== me);
  const arrives = (user: UserId, kind: 'audio' | 'video'): boolean =>
    streams.value.some((stream) => stream.user === user && stream.kind === kind);
  return others.map(({ user_id, guild_id }) => ({
    user: user_id,
    name: world.nameOf(user_id, guild_id),
    level: levels.get(user_id) ?? 0,
    speaking: speaking.value.has(user_id),
    audio: arrives(user_id, 'audio'),
    video: arrives(user_id, 'video'),
  }));
}

const before = new WeakMap<object, ConnectionFigures>();

async function statistics(app: App | null): Promise<Row[]> {
  if (app === null) return [];
  const all = await Promise.all(
    connectionsOf(app).map(async ({ connection, live }) => {
      const figures = await readConnection(connection, before.get(connection) ?? null);
      before.set(connection, figures);
      return rowsOf(connection, figures, live);
    }),
  );
  return all.flat();
}
