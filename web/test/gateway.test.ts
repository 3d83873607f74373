import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GatewayClose,
  GatewayMachine,
  type GatewayMessage,
  GatewayOp,
  type GatewayOutput,
  type SessionId,
} from '../src/protocol/index.ts';

const HELLO: GatewayMessage = { op: GatewayOp.Hello, d: { heartbeat_interval: 41250 } };
const READY: GatewayMessage = {
  op: GatewayOp.Dispatch,
  t: 'READY',
  s: 1,
  d: { session_id: 'abc' as SessionId, resume_gateway_url: 'wss://outside', user: { id: '1' }, guilds: [] },
};

const machine = (): GatewayMachine =>
  new GatewayMachine({
    url: 'ws://inside',
    token: 'secret',
    properties: { browser: 'test' },
    reachable: (url) => url.replace('wss:', 'ws:'),
    random: () => 0.5,
  });

const sent = (outputs: GatewayOutput[]): GatewayMessage[] =>
  outputs.flatMap((output) => (output.kind === 'send' ? [output.message] : []));
const dialled = (outputs: GatewayOutput[]): string[] =>
  outputs.flatMap((output) => (output.kind === 'dial' ? [output.url] : []));

/** A machine with a session, at time 0. */
function ready(): GatewayMachine {
  const it = machine();
  it.start(0);
  it.opened(0);
  it.received(0, HELLO);
  it.received(0, READY);
  return it;
}

test('a session is begun with Identify, and events come after Ready', () => {
  const it = machine();
  assert.deepEqual(dialled(it.start(0)), ['ws://inside/?v=9&encoding=json']);
  assert.deepEqual(it.opened(0), []);
  const [identify] = sent(it.received(0, HELLO));
  assert.equal(identify?.op, GatewayOp.Identify);
  assert.equal((identify?.d as { token: string }).token, 'secret');
  const outputs = it.received(1, READY);
  assert.deepEqual(it.state, { phase: 'ready' });
  assert.equal(outputs.at(-1)?.kind, 'event');
  assert.equal(it.sessionId, 'abc');
});

test('heartbeats carry the number of the last event, and their answers are timed', () => {
  const it = ready();
  assert.equal(it.deadline, 20_625);
  assert.deepEqual(sent(it.expired(20_625)), [{ op: GatewayOp.Heartbeat, d: 1 }]);
  it.received(20_655, { op: GatewayOp.HeartbeatAck });
  assert.equal(it.roundTrip, 30);
  assert.equal(it.deadline, 20_625 + 41_250);
  // The server may ask for one.
  assert.equal(sent(it.received(21_000, { op: GatewayOp.Heartbeat }))[0]?.op, GatewayOp.Heartbeat);
});

test('a missing answer to a heartbeat ends the socket, and another one resumes', () => {
  const it = ready();
  it.expired(20_625);
  const outputs = it.expired(20_625 + 41_250);
  assert.equal(outputs[0]?.kind, 'hangUp');
  assert.equal(it.state.phase, 'lost');
  const again = it.expired(it.deadline ?? 0);
  assert.deepEqual(dialled(again), ['ws://outside/?v=9&encoding=json']);
  it.opened(70_000);
  const [resume] = sent(it.received(70_000, HELLO));
  assert.deepEqual(resume, { op: GatewayOp.Resume, d: { token: 'secret', session_id: 'abc', seq: 1 } });
  it.received(70_001, { op: GatewayOp.Dispatch, t: 'RESUMED', s: 2, d: {} });
  assert.deepEqual(it.state, { phase: 'ready' });
});

test('waits grow from try to try while the network is away, and end when it is back', () => {
  const it = ready();
  const waits: number[] = [];
  for (let now = 0, tries = 0; tries < 4; tries += 1) {
    it.closed(now, GatewayClose.Abnormal);
    const at = it.deadline ?? now;
    waits.push(at - now);
    now = at;
    it.expired(now);
  }
  assert.deepEqual(waits, [375, 750, 1500, 3000]);
  it.closed(10_000, GatewayClose.Abnormal);
  assert.equal(dialled(it.networkChanged(10_001)).length, 1);
});

test('a socket that seems to live is put to the test when the network changes', () => {
  const it = ready();
  assert.equal(sent(it.networkChanged(1000))[0]?.op, GatewayOp.Heartbeat);
  assert.equal(it.deadline, 4000);
  assert.equal(it.expired(4000)[0]?.kind, 'hangUp');
});

test('the server sends away with op 7, and the session is resumed at once', () => {
  const it = ready();
  const outputs = it.received(5, { op: GatewayOp.Reconnect });
  assert.deepEqual(outputs.map((output) => output.kind), ['hangUp', 'state', 'dial']);
});

test('a session that cannot be resumed is begun anew on the same socket', () => {
  const it = ready();
  it.received(5, { op: GatewayOp.Reconnect });
  it.opened(5);
  it.received(5, HELLO);
  assert.deepEqual(sent(it.received(6, { op: GatewayOp.InvalidSession, d: false })), []);
  const outputs = it.expired(6 + 1250);
  assert.equal(sent(outputs)[0]?.op, GatewayOp.Identify);
});

test('close codes end the session, begin another, or resume', () => {
  for (const [code, phase, op] of [
    [GatewayClose.AuthenticationFailed, 'ended', null],
    [GatewayClose.SessionTimedOut, 'lost', GatewayOp.Identify],
    [GatewayClose.UnknownError, 'lost', GatewayOp.Resume],
    [GatewayClose.Abnormal, 'lost', GatewayOp.Resume],
  ] as const) {
    const it = ready();
    it.closed(10, code);
    assert.equal(it.state.phase, phase, String(code));
    if (op === null) {
      assert.equal(it.deadline, null);
      continue;
    }
    it.expired(it.deadline ?? 0);
    it.opened(1000);
    assert.equal(sent(it.received(1000, HELLO))[0]?.op, op, String(code));
  }
});

test('a server that says nothing is given up', () => {
  const it = machine();
  it.start(0);
  it.opened(0);
  assert.equal(it.deadline, 15_000);
  assert.equal(it.expired(15_000)[0]?.kind, 'hangUp');
  assert.equal(it.state.phase, 'lost');
});

test('leaving closes with 1000 and nothing comes after', () => {
  const it = ready();
  assert.deepEqual(it.stop()[0], { kind: 'hangUp', code: 1000 });
  assert.equal(it.deadline, null);
  assert.deepEqual(it.closed(5, 1000), []);
});
