import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encoderOrders,
  type LayerOrder,
  NO_SSRC,
  type RemoteStream,
  Roster,
  type SentLayer,
  sinkWants,
  type SinkWants,
  type Ssrc,
  type StreamLayer,
  type UserId,
} from '../src/protocol/index.ts';
import { Slots } from '../src/protocol/webrtc/slots.ts';

const SELF = '1' as UserId;
const ANN = '2' as UserId;
const BOB = '3' as UserId;
const ssrc = (number: number): Ssrc => number as Ssrc;
const layer = (number: number, active = true): StreamLayer => ({
  rid: '100',
  quality: 100,
  ssrc: ssrc(number),
  active,
});

test('op 5 and op 12 say which streams arrive, op 13 ends them', () => {
  const roster = new Roster(SELF);
  roster.connected([SELF, ANN, BOB]);
  roster.speaking({ speaking: 0, ssrc: ssrc(10), user_id: ANN });
  roster.video({ user_id: BOB, audio_ssrc: ssrc(20), video_ssrc: ssrc(21), streams: [layer(21)] });
  assert.deepEqual(roster.users, [ANN, BOB]);
  assert.deepEqual(roster.streams(), [
    { user: ANN, kind: 'audio', ssrc: 10, rtx: 0 },
    { user: BOB, kind: 'audio', ssrc: 20, rtx: 0 },
    // No retransmissions are named: they are on the next number.
    { user: BOB, kind: 'video', ssrc: 21, rtx: 22 },
  ]);
  roster.disconnected(BOB);
  assert.deepEqual(roster.streams().map((stream) => stream.user), [ANN]);
});

test('a camera that is off is no stream, whichever way that is said', () => {
  const off = [
    { video_ssrc: NO_SSRC, streams: [layer(21)] },
    { video_ssrc: ssrc(21), streams: [layer(21, false)] },
    { video_ssrc: ssrc(21), streams: [] },
    { video_ssrc: NO_SSRC },
  ];
  for (const state of off) {
    const roster = new Roster(SELF);
    roster.video({ user_id: ANN, audio_ssrc: NO_SSRC, ...state });
    assert.deepEqual(roster.streams(), [], JSON.stringify(state));
  }
});

test('an SSRC of 0 in op 12 does not make the sound forgotten', () => {
  const roster = new Roster(SELF);
  roster.speaking({ speaking: 1, ssrc: ssrc(10), user_id: ANN });
  roster.video({ user_id: ANN, audio_ssrc: NO_SSRC, video_ssrc: NO_SSRC });
  assert.deepEqual(roster.streams().map((stream) => stream.ssrc), [10]);
});

const stream = (user: UserId, number: number, kind: RemoteStream['kind'] = 'audio'): RemoteStream => ({
  user,
  kind,
  ssrc: ssrc(number),
  rtx: kind === 'audio' ? NO_SSRC : ssrc(number + 1),
});

test('streams keep their sections, and free ones are used again', () => {
  const made: string[] = [];
  const slots = new Slots((kind) => `${kind}${made.push(kind)}`);
  assert.ok(slots.assign([stream(ANN, 10), stream(BOB, 20), stream(BOB, 21, 'video')]));
  const held = (): [string, number | null][] =>
    slots.all.map((slot) => [slot.transceiver, slot.stream?.ssrc ?? null]);
  assert.deepEqual(held(), [['audio1', 10], ['audio2', 20], ['video3', 21]]);
  // Ann goes, a third comes: the third sits where Ann sat, Bob does not move.
  assert.ok(slots.assign([stream(BOB, 20), stream(BOB, 21, 'video'), stream('4' as UserId, 30)]));
  assert.deepEqual(held(), [['audio1', 30], ['audio2', 20], ['video3', 21]]);
  assert.equal(made.length, 3);
  assert.ok(!slots.assign([stream('4' as UserId, 30), stream(BOB, 20), stream(BOB, 21, 'video')]));
});

test('a stream with other numbers is another stream', () => {
  const slots = new Slots((kind) => kind);
  slots.assign([stream(ANN, 10)]);
  assert.ok(slots.assign([stream(ANN, 11)]));
  assert.deepEqual(slots.all.map((slot) => slot.stream?.ssrc), [11]);
});

test('tiles ask for what they can show', () => {
  const views = [
    { ssrc: ssrc(21), pixels: 921600 },
    { ssrc: ssrc(31), pixels: 40000 },
    { ssrc: ssrc(41), pixels: 0 },
  ];
  assert.deepEqual(sinkWants(views, false), {
    any: 100,
    '21': 100,
    '31': 50,
    '41': 0,
    pixelCounts: { '21': 921600, '31': 40000 },
  });
  assert.deepEqual(sinkWants([], true), { any: 0 });
});

const HD = 1280 * 720;

test('the encoder sends no more than somebody looks at', () => {
  const [rid, names] = ['100', [ssrc(7), ssrc(131073)]];
  const order = (wants: SinkWants): LayerOrder | undefined =>
    encoderOrders(wants, [{ rid, names, quality: 100, scaleDownBy: 1 }], HD)[0];
  assert.deepEqual(order({ any: 100 }), { rid, active: true, scaleDownBy: 1 });
  assert.deepEqual(order({ any: 0, '7': 0 }), { rid, active: false, scaleDownBy: 1 });
  assert.deepEqual(order({ any: 0 })?.active, false);
  assert.deepEqual(order({ any: 0, '7': 50, pixelCounts: { '7': HD / 4 } }), { rid, active: true, scaleDownBy: 2 });
  // A picture between two steps is sent as the larger one.
  assert.equal(order({ '7': 100, pixelCounts: { '7': HD / 3 } })?.scaleDownBy, 1.5);
  // The server may call it by the number of Ready; others' numbers mean nothing.
  assert.equal(order({ pixelCounts: { '131073': HD / 16 } })?.scaleDownBy, 4);
  assert.equal(order({ '99': 0 })?.active, true);
});

test('a layer that nobody gets is not encoded', () => {
  const layers: SentLayer[] = [
    { rid: '50', names: [ssrc(7), ssrc(131073)], quality: 50, scaleDownBy: 2 },
    { rid: '100', names: [ssrc(9), ssrc(131075)], quality: 100, scaleDownBy: 1 },
  ];
  const active = (wants: SinkWants): boolean[] => encoderOrders(wants, layers, HD).map((order) => order.active);
  assert.deepEqual(active({ any: 100 }), [true, true]);
  assert.deepEqual(active({ any: 0 }), [false, false]);
  // Small tiles, of which the server speaks by the numbers of Ready.
  assert.deepEqual(active({ any: 100, '131073': 50, '131075': 50 }), [true, false]);
  // Of one that wants layers apart.
  assert.deepEqual(active({ any: 100, '131073': 0, '131075': 100 }), [false, true]);
  // Less than the least is the least.
  assert.deepEqual(active({ any: 100, '7': 10, '9': 10 }), [true, false]);
  assert.deepEqual(active({ any: 100, '7': 0, '9': 10 }), [false, true]);
});

test('layers stay in their order, however small the views are', () => {
  const layers: SentLayer[] = [
    { rid: '50', names: [ssrc(7)], quality: 50, scaleDownBy: 2 },
    { rid: '100', names: [ssrc(9)], quality: 100, scaleDownBy: 1 },
  ];
  const scales = (pixels: number): number[] => {
    const wants = { any: 100, pixelCounts: { '7': pixels, '9': pixels } };
    return encoderOrders(wants, layers, HD).map((order) => order.scaleDownBy);
  };
  assert.deepEqual(scales(HD), [2, 1]);
  assert.deepEqual(scales(HD / 3), [2, 1.5]);
  assert.deepEqual(scales(HD / 9), [3, 1.5]);
});
