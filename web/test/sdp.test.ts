import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AnswerTerms,
  answerTo,
  describeCodecs,
  FragmentError,
  fragmentOf,
  layerSsrcs,
  NO_SSRC,
  parseOffer,
  parseServerFragment,
  type RemoteStream,
  type Ssrc,
  type UserId,
  videoState,
} from '../src/protocol/index.ts';
import { CHROME, CHROME_CAMERA, FIREFOX, SERVER_FRAGMENT } from './offers.ts';

const EXP = '138397087229280257' as UserId;

const terms = (remote: [string, RemoteStream][] = []): AnswerTerms => ({
  transport: parseServerFragment(SERVER_FRAGMENT),
  videoCodec: 'H264',
  maxVideoKbps: 2500,
  startVideoKbps: 1000,
  layeredMid: null,
  sendsVideo: false,
  remote: new Map(remote),
});

test('the fragment has the lines that the captures of both browsers have, in their order', () => {
  assert.deepEqual(fragmentOf(parseOffer(CHROME)).split('\n'), [
    'a=extmap-allow-mixed',
    'a=ice-ufrag:6nHO',
    'a=ice-pwd:Z7zvZzj3GlMaxxYwHG3tnd0X',
    'a=ice-options:trickle',
    'a=fingerprint:sha-256 0A:1B:2C:3D',
    'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
    'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
    'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
    'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
    'a=rtpmap:111 opus/48000/2',
    'a=extmap:14 urn:ietf:params:rtp-hdrext:toffset',
    'a=extmap:13 urn:3gpp:video-orientation',
    'a=extmap:12 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
    'a=rtpmap:96 VP8/90000',
    'a=rtpmap:97 rtx/90000',
  ]);
  assert.equal(
    fragmentOf(parseOffer(FIREFOX)),
    'a=ice-options:trickle\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n' +
      'a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\n' +
      'a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\na=ice-pwd:9473594540563294f62301e5dc183472\n' +
      'a=ice-ufrag:925273d0\na=rtpmap:109 opus/48000/2\n' +
      'a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\n' +
      'a=extmap:5 urn:ietf:params:rtp-hdrext:toffset\n' +
      'a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\n' +
      'a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n' +
      'a=rtpmap:120 VP8/90000\na=rtpmap:124 rtx/90000',
  );
});

test('codecs are named in the order of preference, H264 in the profile that everyone decodes', () => {
  const named = (sdp: string): unknown[] =>
    describeCodecs(parseOffer(sdp)).map((it) => [it.name, it.priority, it.payload_type, it.rtx_payload_type]);
  assert.deepEqual(named(CHROME), [
    ['opus', 1000, 111, null],
    ['H264', 1000, 102, 121],
    ['VP8', 2000, 96, 97],
    ['VP9', 3000, 98, 99],
  ]);
  assert.deepEqual(named(FIREFOX), [
    ['opus', 1000, 109, null],
    ['H264', 1000, 126, 127],
    ['VP8', 2000, 120, 124],
    ['VP9', 3000, 121, 125],
  ]);
});

const TRANSPORT = [
  'c=IN IP4 213.163.95.84',
  'a=rtcp:50001',
  'a=ice-ufrag:tK/L',
  'a=ice-pwd:g40S9IK0OQ8GOTCorkDZDR',
  'a=fingerprint:sha-256 4A:79:94:16:44:3F:BD:05:41:5A:C7:20:F3:12:54:70:00:73:5D:33:00:2D:2C:80:9B:39:E1:9F:2D:A7:49:87',
  'a=candidate:1 1 UDP 4261412862 213.163.95.84 50001 typ host',
  'a=setup:passive',
];
const OPUS = [
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1',
  'a=rtcp-fb:111 transport-cc',
  'a=maxptime:60',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
];

test('the answer is the one of media-transport.md, section 10.4', () => {
  const exp: RemoteStream = { user: EXP, kind: 'audio', ssrc: 713801 as Ssrc, rtx: NO_SSRC };
  const answer = answerTo(parseOffer(CHROME), terms([['2', exp]]));
  assert.deepEqual(answer.split('\r\n'), [
    'v=0',
    'o=- 1420070400000 0 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=msid-semantic: WMS *',
    'a=group:BUNDLE 0 1 2',
    'm=audio 50001 UDP/TLS/RTP/SAVPF 111',
    ...TRANSPORT,
    'a=mid:0',
    'a=recvonly',
    ...OPUS,
    'm=video 50001 UDP/TLS/RTP/SAVPF 102 121',
    ...TRANSPORT,
    'a=mid:1',
    'a=inactive',
    'a=rtcp-mux',
    'a=rtpmap:102 H264/90000',
    'a=fmtp:102 x-google-max-bitrate=2500;level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    'a=rtpmap:121 rtx/90000',
    'a=fmtp:121 apt=102',
    'a=rtcp-fb:102 ccm fir',
    'a=rtcp-fb:102 nack',
    'a=rtcp-fb:102 nack pli',
    'a=rtcp-fb:102 goog-remb',
    'a=rtcp-fb:102 transport-cc',
    'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
    'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
    'a=extmap:13 urn:3gpp:video-orientation',
    'a=extmap:14 urn:ietf:params:rtp-hdrext:toffset',
    'a=extmap:12 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
    'm=audio 50001 UDP/TLS/RTP/SAVPF 111',
    ...TRANSPORT,
    'a=mid:2',
    'a=sendonly',
    ...OPUS,
    'a=msid:138397087229280257-713801 a138397087229280257-713801',
    'a=ssrc:713801 cname:138397087229280257-713801',
    '',
  ]);
});

/** The lines of one section of an answer. */
function section(answer: string, mid: string): string[] {
  const found = answer.split(/(?=^m=)/m).find((text) => text.includes(`a=mid:${mid}\r\n`));
  assert.ok(found, `no section ${mid}`);
  return found.split('\r\n');
}

test('a receiving section lists every codec that was named, and the pair of SSRCs', () => {
  const video: RemoteStream = { user: EXP, kind: 'video', ssrc: 713802 as Ssrc, rtx: 713803 as Ssrc };
  const lines = section(answerTo(parseOffer(CHROME), terms([['1', video]])), '1');
  assert.equal(lines[0], 'm=video 50001 UDP/TLS/RTP/SAVPF 102 121 96 97 98 99');
  assert.ok(lines.includes('a=sendonly'));
  assert.ok(lines.includes('a=ssrc-group:FID 713802 713803'));
  assert.ok(lines.includes('a=msid:138397087229280257-713802 v138397087229280257-713802'));
  assert.ok(lines.includes('a=ssrc:713803 cname:138397087229280257-713802'));
  assert.ok(!lines.some((line) => line.includes('x-google')));
});

test('the directions of an answer follow the table of section 10.4', () => {
  const stream: RemoteStream = { user: EXP, kind: 'audio', ssrc: 713801 as Ssrc, rtx: NO_SSRC };
  const answered = (offered: string, assigned: boolean): string | undefined => {
    const offer = CHROME.replace('a=mid:2', 'a=mid:x').replace('a=sendrecv', `a=${offered}`);
    const lines = section(answerTo(parseOffer(offer), terms(assigned ? [['0', stream]] : [])), '0');
    return lines.find((line) => /^a=(send|recv|inactive)/.test(line));
  };
  assert.equal(answered('recvonly', true), 'a=sendonly');
  assert.equal(answered('recvonly', false), 'a=inactive');
  assert.equal(answered('sendonly', false), 'a=recvonly');
  assert.equal(answered('sendrecv', true), 'a=sendrecv');
  assert.equal(answered('sendrecv', false), 'a=recvonly');
  assert.equal(answered('inactive', true), 'a=inactive');
});

test('a codec that the browser did not offer is replaced by one that it did', () => {
  const answer = answerTo(parseOffer(CHROME), { ...terms(), videoCodec: 'AV1' });
  assert.equal(section(answer, '1')[0], 'm=video 50001 UDP/TLS/RTP/SAVPF 102 121');
});

test('both layers of a camera are taken, and say which they are', () => {
  const offer = parseOffer(CHROME_CAMERA);
  assert.deepEqual(offer.sections.map((known) => known.layers), [[], ['50', '100'], []]);
  const lines = section(answerTo(offer, { ...terms(), layeredMid: '1', sendsVideo: true, startVideoKbps: 1400 }), '1');
  assert.ok(lines.includes('a=recvonly'));
  assert.deepEqual(lines.slice(-4), ['a=rid:50 recv', 'a=rid:100 recv', 'a=simulcast:recv 50;100', '']);
  assert.ok(lines.some((line) => line.includes('x-google-start-bitrate=1400')));
  const named = ['4 urn:ietf:params:rtp-hdrext:sdes:mid', '10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id'];
  named.push('11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id');
  for (const extension of named) {
    assert.ok(lines.includes(`a=extmap:${extension}`), extension);
    assert.ok(fragmentOf(offer).includes(`a=extmap:${extension}`), extension);
  }
});

test('the names of layers are agreed on before there are any', () => {
  const off = CHROME_CAMERA.replace(/a=sendrecv\r\na=rid[^]*a=simulcast.*/, 'a=recvonly');
  const lines = section(answerTo(parseOffer(off), { ...terms(), layeredMid: '1' }), '1');
  assert.ok(lines.includes('a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id'));
  assert.ok(!lines.some((line) => line.startsWith('a=rid')));
});

test('one layer is answered without a word about layers', () => {
  const answer = answerTo(parseOffer(CHROME), terms());
  assert.ok(!/a=(rid|simulcast)|sdes/.test(answer));
});

test('of alternatives for a layer the first is taken', () => {
  const layers = (simulcast: string): unknown =>
    parseOffer(CHROME_CAMERA.replace(/a=simulcast.*/, `a=simulcast:${simulcast}`)).sections[1]?.layers;
  assert.deepEqual(layers('recv 1;2 send a,b;~c'), ['a', 'c']);
  assert.deepEqual(layers('recv 1;2'), []);
  assert.deepEqual(layers('send'), []);
});

const LAYERS = [
  { rid: '50', quality: 50, maxBitrate: 400_000, scaleDownBy: 2 },
  { rid: '100', quality: 100, maxBitrate: 2_500_000, scaleDownBy: 1 },
];

test('the SSRCs of layers are found in the statistics', () => {
  const sent = (rid: string, ssrc: number, rtxSsrc?: number): Record<string, unknown> => {
    return { type: 'outbound-rtp', kind: 'video', rid, ssrc, rtxSsrc };
  };
  const sound = { type: 'outbound-rtp', kind: 'audio', ssrc: 5 };
  const found = layerSsrcs([sound, sent('100', 9), sent('50', 7, 8)], LAYERS);
  assert.deepEqual(found, [
    { rid: '50', ssrc: 7, rtx: 8 },
    { rid: '100', ssrc: 9, rtx: NO_SSRC },
  ]);
  assert.equal(layerSsrcs([sound, sent('50', 7, 8)], LAYERS), null);
});

test('op 12 names every layer with its size, and the best as the primary', () => {
  const camera = { type: 'video', layers: LAYERS, width: 1280, height: 720, maxFramerate: 30 } as const;
  const video = [
    { rid: '50', ssrc: 7 as Ssrc, rtx: 8 as Ssrc },
    { rid: '100', ssrc: 9 as Ssrc, rtx: 10 as Ssrc },
  ];
  const common = { type: 'video', active: true, max_framerate: 30 };
  assert.deepEqual(videoState({ audio: 5 as Ssrc, video }, camera), {
    audio_ssrc: 5,
    video_ssrc: 9,
    rtx_ssrc: 10,
    streams: [
      {
        ...common,
        rid: '50',
        ssrc: 7,
        rtx_ssrc: 8,
        quality: 50,
        max_bitrate: 400_000,
        max_resolution: { type: 'fixed', width: 640, height: 360 },
      },
      {
        ...common,
        rid: '100',
        ssrc: 9,
        rtx_ssrc: 10,
        quality: 100,
        max_bitrate: 2_500_000,
        max_resolution: { type: 'fixed', width: 1280, height: 720 },
      },
    ],
  });
  // A browser that sends one layer sends the best.
  const one = videoState({ audio: 5 as Ssrc, video: video.slice(1) }, camera);
  assert.equal(one.video_ssrc, 9);
  assert.deepEqual(one.streams?.map(({ ssrc, active }) => [ssrc, active]), [[0, false], [9, true]]);
  const off = videoState({ audio: 5 as Ssrc, video: [] }, camera);
  assert.deepEqual([off.video_ssrc, off.rtx_ssrc], [0, 0]);
  assert.deepEqual(off.streams?.map(({ ssrc, active }) => [ssrc, active]), [[0, false], [0, false]]);
});

test('sound is not cut in silence while video is sent', () => {
  const answer = answerTo(parseOffer(CHROME), { ...terms(), sendsVideo: true });
  assert.ok(section(answer, '0').includes('a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0'));
});

test('every candidate of the server is taken', () => {
  const two = `${SERVER_FRAGMENT}a=candidate:2 1 TCP 1671430143 192.0.2.7 50001 typ host tcptype passive\n`;
  assert.deepEqual(parseServerFragment(two).candidates, [
    '1 1 UDP 4261412862 213.163.95.84 50001 typ host',
    '2 1 TCP 1671430143 192.0.2.7 50001 typ host tcptype passive',
  ]);
});

test('a fragment without what media need is refused by name', () => {
  for (const [start, name] of [
    ['a=ice-ufrag', 'ICE user'],
    ['a=ice-pwd', 'ICE password'],
    ['a=fingerprint', 'fingerprint'],
    ['a=candidate', 'candidate'],
    ['c=', 'address'],
  ] as const) {
    const damaged = SERVER_FRAGMENT.split('\n').filter((line) => !line.startsWith(start)).join('\n');
    assert.throws(
      () => parseServerFragment(damaged),
      (error: unknown) => error instanceof FragmentError && error.message.includes(name),
    );
  }
  assert.throws(() => parseServerFragment(''), FragmentError);
});
