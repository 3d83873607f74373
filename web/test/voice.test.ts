import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChannelId,
  type ServerId,
  type SessionId,
  type Ssrc,
  type UserId,
  VoiceClose,
  VoiceMachine,
  type VoiceMessage,
  VoiceOp,
  type VoiceOutput,
} from '../src/protocol/index.ts';

const ticket = {
  endpoint: 'rotterdam5129.example:443',
  server_id: '934828556603764816' as ServerId,
  channel_id: '934828556603764821' as ChannelId,
  user_id: '959467381011415120' as UserId,
  session_id: '8dc6698fb78a211003eed23498d35aaa' as SessionId,
  token: '273acb23b05ad3bc',
};
const HELLO: VoiceMessage = { op: VoiceOp.Hello, d: { v: 9, heartbeat_interval: 13750 } };
const READY: VoiceMessage = {
  op: VoiceOp.Ready,
  d: { ssrc: 713745, ip: '127.0.0.1', port: 50001, modes: [], experiments: [], streams: [] },
};

const LAYERS = [
  { rid: '50', quality: 50 },
  { rid: '100', quality: 100 },
];
const machine = (): VoiceMachine =>
  new VoiceMachine({ ticket, scheme: 'wss', streamType: 'video', layers: LAYERS, random: () => 0.5 });
const sent = (outputs: VoiceOutput[]): VoiceMessage[] =>
  outputs.flatMap((output) => (output.kind === 'send' ? [output.message] : []));
const kinds = (outputs: VoiceOutput[]): string[] => outputs.map((output) => output.kind);

/** A machine that is connected, at time 0. */
function connected(): VoiceMachine {
  const it = machine();
  it.start(0);
  it.opened(0);
  it.received(0, HELLO);
  it.received(0, READY);
  return it;
}

test('Identify names the ticket and the layers of video', () => {
  const it = machine();
  assert.deepEqual(it.start(0).at(-1), { kind: 'dial', url: 'wss://rotterdam5129.example:443/?v=9' });
  const [identify] = sent(it.opened(0));
  assert.deepEqual(identify, {
    op: 0,
    d: {
      server_id: '934828556603764816',
      channel_id: '934828556603764821',
      user_id: '959467381011415120',
      session_id: '8dc6698fb78a211003eed23498d35aaa',
      token: '273acb23b05ad3bc',
      video: true,
      streams: [
        { type: 'video', rid: '50', quality: 50 },
        { type: 'video', rid: '100', quality: 100 },
      ],
    },
  });
  assert.deepEqual(kinds(it.received(0, READY)), ['link', 'ready']);
});

test('nothing but Identify and heartbeats is said before Ready', () => {
  const it = machine();
  it.start(0);
  it.opened(0);
  assert.deepEqual(it.speak({ speaking: 1, ssrc: 5 as Ssrc }), []);
  assert.deepEqual(it.want({ any: 100 }), []);
  it.received(0, READY);
  assert.equal(sent(it.want({ any: 100 }))[0]?.op, VoiceOp.MediaSinkWants);
});

test('heartbeats confirm the last numbered message and come at least every five seconds', () => {
  const it = connected();
  assert.equal(it.deadline, 500);
  assert.deepEqual(sent(it.expired(500)), [{ op: 3, d: { t: 500, seq_ack: -1 } }]);
  it.received(520, { op: VoiceOp.HeartbeatAck, d: { t: 500 } });
  assert.equal(it.roundTrip, 20);
  it.received(530, { op: VoiceOp.ClientsConnect, d: { user_ids: [] }, seq: 7 });
  assert.deepEqual(sent(it.expired(5500)), [{ op: 3, d: { t: 5500, seq_ack: 7 } }]);
});

test('a lost socket is resumed with the last number, and the roster stays', () => {
  const it = connected();
  it.received(1, { op: VoiceOp.ClientsConnect, d: { user_ids: ['5'] }, seq: 3 });
  assert.deepEqual(it.closed(10, VoiceClose.Abnormal), [{ kind: 'link', link: 'lost' }]);
  it.expired(it.deadline ?? 0);
  const [resume] = sent(it.opened(300));
  assert.equal(resume?.op, VoiceOp.Resume);
  assert.deepEqual(resume?.d, {
    server_id: ticket.server_id,
    channel_id: ticket.channel_id,
    session_id: ticket.session_id,
    token: ticket.token,
    seq_ack: 3,
  });
  it.received(301, HELLO);
  assert.deepEqual(it.received(302, { op: VoiceOp.Resumed, d: null }), [{ kind: 'link', link: 'connected' }]);
  assert.deepEqual(it.roster.users, ['5']);
});

test('a missing answer to a heartbeat means that the socket is lost', () => {
  const it = connected();
  it.expired(500);
  it.expired(5500);
  assert.deepEqual(kinds(it.expired(8000)), ['hangUp', 'link']);
});

test('close codes say what becomes of the session', () => {
  const fates: [number, string][] = [
    [VoiceClose.SessionInvalid, 'rejoin'],
    [VoiceClose.SessionTimeout, 'rejoin'],
    [VoiceClose.AuthenticationFailed, 'rejoin'],
    [VoiceClose.Disconnected, 'await'],
    [VoiceClose.CallTerminated, 'await'],
    [VoiceClose.ServerNotFound, 'await'],
    [VoiceClose.BadRequest, 'stop'],
    [VoiceClose.DaveRequired, 'stop'],
    [VoiceClose.RateLimited, 'stop'],
  ];
  for (const [code, action] of fates) {
    const outputs = connected().closed(10, code);
    assert.deepEqual(outputs.at(-1), { kind: 'ended', end: { action, code } });
  }
  for (const code of [VoiceClose.GoingAway, VoiceClose.RtcWorkerCrashed, VoiceClose.VoiceServerCrashed]) {
    assert.deepEqual(kinds(connected().closed(10, code)), ['link'], String(code));
  }
});

test('a server that does not come back within the time of a resume is left', () => {
  const it = connected();
  let now = 0;
  let last: VoiceOutput[] = it.closed(now, VoiceClose.Abnormal);
  for (let tries = 0; last.at(-1)?.kind !== 'ended'; tries += 1) {
    assert.ok(tries < 50, 'it never gives up');
    now = it.deadline ?? now;
    it.expired(now);
    last = it.closed(now, VoiceClose.Abnormal);
  }
  assert.ok(now > 55_000 && now < 61_000, String(now));
  assert.deepEqual(last.at(-1), { kind: 'ended', end: { action: 'rejoin', code: 1006 } });
});

test('a server that never said Ready is left sooner', () => {
  const it = machine();
  it.start(0);
  let last: VoiceOutput[] = [];
  for (let tries = 0; tries < 4; tries += 1) {
    last = it.closed(0, VoiceClose.Abnormal);
    it.expired(it.deadline ?? 0);
  }
  assert.equal(last.at(-1)?.kind, 'ended');
});

test('messages nobody knows are ignored', () => {
  const it = connected();
  for (const op of [10, 17, 19, 33, 4711]) assert.deepEqual(it.received(1, { op, d: {} }), []);
});
