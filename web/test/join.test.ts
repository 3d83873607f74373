import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChannelId,
  type GuildId,
  JoinMachine,
  type JoinOutput,
  type SessionId,
  type UserId,
  type VoiceServerUpdate,
  type VoiceState,
} from '../src/protocol/index.ts';

const SELF = '1' as UserId;
const SESSION = 'session' as SessionId;
const GUILD = '10' as GuildId;
const LOUNGE = { guild: GUILD, channel: '11' as ChannelId };
const MUSIC = { guild: GUILD, channel: '12' as ChannelId };
const DIRECT = { guild: null, channel: '13' as ChannelId };

const state = (channel: ChannelId | null, guild: GuildId | null = GUILD, session = SESSION): VoiceState => ({
  guild_id: guild,
  channel_id: channel,
  user_id: SELF,
  session_id: session,
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: false,
  self_video: false,
  suppress: false,
});
const server = (token: string, endpoint: string | null = 'voice:1', guild: GuildId | null = GUILD): VoiceServerUpdate => ({
  token,
  guild_id: guild,
  endpoint,
});
const asked = (outputs: JoinOutput[]): (ChannelId | null)[] =>
  outputs.flatMap((output) => (output.kind === 'ask' ? [output.request.channel_id] : []));
const tokens = (outputs: JoinOutput[]): string[] =>
  outputs.flatMap((output) => (output.kind === 'connect' ? [output.ticket.token] : []));
const kinds = (outputs: JoinOutput[]): string[] => outputs.map((output) => output.kind);

/** A machine that is in the lounge, at time 0. */
function inLounge(): JoinMachine {
  const it = new JoinMachine(SELF, () => 0.5);
  it.sessionReady(0, SESSION);
  it.join(0, LOUNGE);
  it.voiceState(0, state(LOUNGE.channel));
  it.voiceServer(0, server('first'));
  it.connected();
  return it;
}

test('joining asks, and connects when both answers are there, in either order', () => {
  for (const serverFirst of [false, true]) {
    const it = new JoinMachine(SELF, () => 0.5);
    it.sessionReady(0, SESSION);
    assert.deepEqual(asked(it.join(0, LOUNGE)), [LOUNGE.channel]);
    const answers = [
      () => it.voiceState(1, state(LOUNGE.channel)),
      () => it.voiceServer(2, server('t')),
    ];
    if (serverFirst) answers.reverse();
    const [first, second] = answers.map((answer) => answer());
    assert.deepEqual(tokens(first ?? []), []);
    const connect = second?.find((output) => output.kind === 'connect');
    assert.deepEqual(connect?.ticket, {
      endpoint: 'voice:1',
      server_id: '10',
      channel_id: '11',
      user_id: '1',
      session_id: 'session',
      token: 't',
    });
    assert.deepEqual(it.state, { phase: 'in', room: LOUNGE });
    assert.equal(it.deadline, null);
  }
});

test('a private call is identified by its channel', () => {
  const it = new JoinMachine(SELF, () => 0.5);
  it.sessionReady(0, SESSION);
  it.join(0, DIRECT);
  it.voiceState(0, state(DIRECT.channel, null));
  const connect = it.voiceServer(0, server('t', 'voice:1', null)).find((output) => output.kind === 'connect');
  assert.equal(connect?.ticket.server_id, '13');
});

test('a room that does not answer is refused, and is left', () => {
  const it = new JoinMachine(SELF, () => 0.5);
  it.sessionReady(0, SESSION);
  it.join(0, LOUNGE);
  const outputs = it.expired(it.deadline ?? 0);
  assert.deepEqual(it.state, { phase: 'out', reason: 'refused' });
  assert.deepEqual(asked(outputs), [null]);
});

test('what is asked without a session is asked when there is one', () => {
  const it = new JoinMachine(SELF, () => 0.5);
  assert.deepEqual(asked(it.join(0, LOUNGE)), []);
  assert.equal(it.deadline, null);
  assert.deepEqual(asked(it.sessionReady(5, SESSION)), [LOUNGE.channel]);
  // The session is lost before the answer: it is asked again.
  it.sessionLost();
  assert.equal(it.deadline, null);
  assert.deepEqual(asked(it.sessionReady(9, SESSION)), [LOUNGE.channel]);
});

test('who leaves while the session is lost has left when it is back', () => {
  const it = inLounge();
  it.sessionLost();
  assert.deepEqual(kinds(it.leave()), ['disconnect', 'state']);
  assert.deepEqual(asked(it.sessionReady(5, SESSION)), [null]);
  // Until the server shows that it heard it, that may have been lost as well.
  it.sessionLost();
  assert.deepEqual(asked(it.sessionReady(6, SESSION)), [null]);
  it.voiceState(7, state(null));
  it.sessionLost();
  assert.deepEqual(it.sessionReady(8, SESSION), []);
});

test('who leaves and comes back while the session is lost leaves and joins', () => {
  const it = inLounge();
  it.sessionLost();
  it.leave();
  assert.deepEqual(asked(it.join(1, LOUNGE)), []);
  assert.deepEqual(asked(it.sessionReady(5, SESSION)), [null, LOUNGE.channel]);
  assert.deepEqual(it.voiceState(6, state(null)), []);
  it.voiceState(7, state(LOUNGE.channel));
  assert.deepEqual(tokens(it.voiceServer(8, server('second'))), ['second']);
});

test('what is said about oneself while the session is lost is told when it is back', () => {
  const it = inLounge();
  it.sessionLost();
  assert.deepEqual(it.setFlags({ mute: true, deaf: false, video: true }), []);
  const request = { guild_id: GUILD, channel_id: LOUNGE.channel, self_mute: true, self_deaf: false, self_video: true };
  assert.deepEqual(it.sessionReady(5, SESSION), [{ kind: 'ask', request }]);
  assert.equal(it.deadline, null);
});

test('a voice connection that fails while the session is lost is joined anew when it is back', () => {
  const it = inLounge();
  it.sessionLost();
  it.voiceEnded(0, { action: 'rejoin', code: 4006 });
  assert.deepEqual(it.expired(375), []);
  // However long that takes, nobody is put out.
  assert.equal(it.deadline, null);
  assert.deepEqual(asked(it.sessionReady(60_000, SESSION)), [LOUNGE.channel]);
});

test('moving and leaving close the old connection first', () => {
  const it = inLounge();
  assert.deepEqual(kinds(it.join(1, MUSIC)), ['disconnect', 'state', 'ask']);
  it.voiceState(2, state(MUSIC.channel));
  assert.deepEqual(tokens(it.voiceServer(3, server('second'))), ['second']);
  const left = it.leave();
  assert.deepEqual(kinds(left), ['disconnect', 'state', 'ask']);
  assert.deepEqual(asked(left), [null]);
  assert.deepEqual(it.voiceState(4, state(null)), []);
});

test('a moderator moves: the new room is followed', () => {
  const it = inLounge();
  it.voiceState(1, state(MUSIC.channel));
  assert.deepEqual(it.state, { phase: 'joining', room: MUSIC });
  // The old server closes the old connection meanwhile.
  assert.deepEqual(it.voiceEnded(2, { action: 'await', code: 4014 }), []);
  assert.deepEqual(tokens(it.voiceServer(3, server('second'))), ['second']);
  assert.deepEqual(it.state, { phase: 'in', room: MUSIC });
});

test('a moderator disconnects: one is out, whichever is heard first', () => {
  const byState = inLounge();
  assert.equal(byState.voiceState(1, state(null))[0]?.kind, 'disconnect');
  assert.deepEqual(byState.state, { phase: 'out', reason: 'disconnected' });

  const bySocket = inLounge();
  bySocket.voiceEnded(1, { action: 'await', code: 4014 });
  assert.equal(bySocket.state.phase, 'returning');
  bySocket.expired(bySocket.deadline ?? 0);
  assert.deepEqual(bySocket.state, { phase: 'out', reason: 'disconnected' });
});

test('the account joins elsewhere', () => {
  const it = inLounge();
  it.voiceState(1, state(MUSIC.channel, GUILD, 'other' as SessionId));
  assert.deepEqual(it.state, { phase: 'out', reason: 'elsewhere' });
});

test('a voice connection that failed is joined anew after a while, with a new token', () => {
  const it = inLounge();
  it.voiceEnded(0, { action: 'rejoin', code: 4006 });
  assert.equal(it.deadline, 375);
  assert.deepEqual(asked(it.expired(375)), [LOUNGE.channel]);
  it.voiceState(380, state(LOUNGE.channel));
  assert.deepEqual(tokens(it.voiceServer(390, server('second'))), ['second']);
});

test('a server that sees nothing to answer is left and joined', () => {
  const it = inLounge();
  it.voiceEnded(0, { action: 'rejoin', code: 1006 });
  it.expired(375);
  assert.deepEqual(asked(it.expired(it.deadline ?? 0)), [null, LOUNGE.channel]);
  // The answer to the leave does not mean that one was put out.
  assert.deepEqual(it.voiceState(4000, state(null)), []);
  it.voiceState(4001, state(LOUNGE.channel));
  assert.deepEqual(tokens(it.voiceServer(4011, server('third'))), ['third']);
});

test('a server that is gone is waited for', () => {
  const it = inLounge();
  assert.equal(it.voiceServer(0, server('x', null))[0]?.kind, 'disconnect');
  assert.equal(it.state.phase, 'returning');
  assert.deepEqual(tokens(it.voiceServer(20_000, server('second', 'voice:2'))), ['second']);
});

test('another session asks again, and keeps the connection until there is a new one', () => {
  const it = inLounge();
  const other = 'other' as SessionId;
  const outputs = it.sessionReady(5, other);
  assert.deepEqual(kinds(outputs), ['ask']);
  it.voiceState(6, state(LOUNGE.channel, GUILD, other));
  assert.deepEqual(tokens(it.voiceServer(7, server('second'))), ['second']);
});

test('a voice server that refuses what is said is not asked again', () => {
  const it = inLounge();
  const outputs = it.voiceEnded(1, { action: 'stop', code: 4020 });
  assert.deepEqual(asked(outputs), [null]);
  assert.deepEqual(it.state, { phase: 'out', reason: 'incompatible' });
});

test('another channel of the same account between guilds is no end', () => {
  const it = new JoinMachine(SELF, () => 0.5);
  it.sessionReady(0, SESSION);
  it.join(0, LOUNGE);
  assert.deepEqual(it.voiceState(1, state(null, '99' as GuildId)), []);
  assert.equal(it.state.phase, 'joining');
});
