import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChannelId,
  type Clock,
  type GatewayClient,
  type GatewayEvent,
  type GuildId,
  LiveStreams,
  type StreamKey,
  type UserId,
} from '../src/protocol/index.ts';

const [SELF, ADA] = ['1' as UserId, '2' as UserId];
const LOUNGE = { guild: '10' as GuildId, channel: '11' as ChannelId };
const OF_ADA = 'guild:10:11:2';
const RESUMED: GatewayEvent = { name: 'RESUMED', data: {} };

/** A Gateway that notes what it is asked, and hears nothing while it is away. */
class Gateway {
  sessionId = 'session';
  away = false;
  asked: string[] = [];
  watchStream = (key: StreamKey): boolean => this.#ask(`watch ${key}`);
  deleteStream = (key: StreamKey): boolean => this.#ask(`delete ${key}`);
  createStream = (room: { guild_id: string | null; channel_id: string }): boolean =>
    this.#ask(`create ${room.guild_id} ${room.channel_id}`);

  #ask(what: string): boolean {
    if (!this.away) this.asked.push(what);
    return !this.away;
  }
}

/** Time that passes when it is told to. */
class Time implements Clock {
  #now = 0;
  #due = new Set<{ at: number; then: () => void }>();
  now = (): number => this.#now;
  after = (ms: number, then: () => void): (() => void) => {
    const alarm = { at: this.#now + ms, then };
    this.#due.add(alarm);
    return () => this.#due.delete(alarm);
  };

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#due.delete(next);
      this.#now = next.at;
      next.then();
    }
    this.#now = end;
  }
}

function streams(): { it: LiveStreams; gateway: Gateway; time: Time } {
  const [gateway, time] = [new Gateway(), new Time()];
  const it = new LiveStreams(gateway as unknown as GatewayClient, SELF, 'ws', time, () => 0.5);
  return { it, gateway, time };
}

test('a stream that is asked for while the Gateway is away is asked for when it is back', () => {
  const { it, gateway, time } = streams();
  gateway.away = true;
  it.watch(LOUNGE, ADA);
  it.goLive(LOUNGE, { video: {} as MediaStreamTrack, audio: null });
  time.pass(120_000);
  gateway.away = false;
  it.heard(RESUMED);
  assert.deepEqual(gateway.asked, [`watch ${OF_ADA}`, 'create 10 11']);
  assert.equal(it.all.length, 2);
});

test('a stream that nobody answers for is asked for again, and is lost after five times', () => {
  const { it, gateway, time } = streams();
  const over: string[] = [];
  it.on('over', ({ reason }) => over.push(reason));
  it.watch(LOUNGE, ADA);
  time.pass(11_000);
  assert.deepEqual(gateway.asked, [`watch ${OF_ADA}`, `watch ${OF_ADA}`]);
  time.pass(120_000);
  assert.equal(gateway.asked.length, 6);
  assert.deepEqual(over, ['connection_lost']);
});

test('a stream that ends while the Gateway is away has ended when it is back', () => {
  const { it, gateway } = streams();
  it.watch(LOUNGE, ADA);
  gateway.away = true;
  it.end(OF_ADA);
  gateway.away = false;
  it.heard(RESUMED);
  it.heard(RESUMED);
  assert.deepEqual(gateway.asked, [`watch ${OF_ADA}`, `delete ${OF_ADA}`]);
});
