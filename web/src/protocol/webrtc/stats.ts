/** Makes figures for people out of a browser's statistics (W3C webrtc-stats). */

import type { Ssrc } from '../ids.ts';

/** One stream at one moment, either way. */
export interface StreamFigures {
  ssrc: Ssrc;
  kind: 'audio' | 'video';
  direction: 'in' | 'out';
  codec: string | null;
  /** In bit/s, since the last reading. */
  bitrate: number;
  /** From 0 to 1, since the last reading; of what is sent, as the other side reports it. */
  loss: number;
  /** In milliseconds. */
  jitter: number;
  /** Bytes in all. */
  bytes: number;
  packets: number;
  /** Packets that did not come; of what is sent, 0. */
  lost: number;
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  framesDecoded: number | null;
  framesEncoded: number | null;
  freezes: number | null;
  /** How long pictures stood still, in seconds. */
  freezeSeconds: number | null;
  /** Energy of the sound since the beginning, and its seconds: the root of their quotient is the level. */
  audioEnergy: number | null;
  audioSeconds: number | null;
  /** Samples that were made up because packets were missing, and all of them. */
  concealedSamples: number | null;
  samples: number | null;
  /** Why less is sent than wanted: `none`, `cpu`, `bandwidth`, `other`. */
  limitation: string | null;
}

/** A connection at one moment. */
export interface ConnectionFigures {
  /** In milliseconds of the browser's clock. */
  at: number;
  /** Of ICE's checks, in milliseconds. */
  roundTrip: number | null;
  /** What could be sent, in bit/s. */
  availableOutgoing: number | null;
  streams: StreamFigures[];
}

type Entry = Record<string, unknown> & { type: string; id: string };

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** Reads a report; rates come from what has changed since the reading before. */
export function readFigures(report: Iterable<Entry>, at: number, before: ConnectionFigures | null): ConnectionFigures {
  const entries = new Map([...report].map((entry) => [entry.id, entry]));
  const all = [...entries.values()];
  const pair = all.find((entry) => entry.type === 'candidate-pair' && entry['nominated'] === true && isUp(entry));
  const roundTrip = number(pair?.['currentRoundTripTime']);
  const rtp = all.filter((entry) => entry.type === 'inbound-rtp' || entry.type === 'outbound-rtp');
  return {
    at,
    roundTrip: roundTrip === null ? null : roundTrip * 1000,
    availableOutgoing: number(pair?.['availableOutgoingBitrate']),
    streams: rtp.map((entry) => streamFigures(entry, entries, at, before)),
  };
}

function isUp(pair: Entry): boolean {
  return pair['state'] === 'succeeded' || pair['state'] === undefined;
}

function streamFigures(
  entry: Entry,
  entries: ReadonlyMap<string, Entry>,
  at: number,
  before: ConnectionFigures | null,
): StreamFigures {
  const direction = entry.type === 'inbound-rtp' ? 'in' : 'out';
  const ssrc = (number(entry['ssrc']) ?? 0) as Ssrc;
  const earlier = before?.streams.find((known) => known.ssrc === ssrc && known.direction === direction);
  const bytes = number(entry[direction === 'in' ? 'bytesReceived' : 'bytesSent']) ?? 0;
  const packets = number(entry[direction === 'in' ? 'packetsReceived' : 'packetsSent']) ?? 0;
  const seconds = before === null ? 0 : (at - before.at) / 1000;
  const codec = entries.get(String(entry['codecId']))?.['mimeType'];
  const remote = entries.get(String(entry['remoteId']));
  const jitter = number((direction === 'in' ? entry : remote)?.['jitter']) ?? 0;
  return {
    ssrc,
    kind: entry['kind'] === 'video' ? 'video' : 'audio',
    direction,
    codec: typeof codec === 'string' ? codec.split('/')[1] ?? null : null,
    bitrate: earlier === undefined || seconds <= 0 ? 0 : Math.max(0, ((bytes - earlier.bytes) * 8) / seconds),
    loss: direction === 'in' ? lossSince(entry, packets, earlier) : (number(remote?.['fractionLost']) ?? 0),
    jitter: jitter * 1000,
    bytes,
    packets,
    lost: number(entry['packetsLost']) ?? 0,
    width: number(entry['frameWidth']),
    height: number(entry['frameHeight']),
    framesPerSecond: number(entry['framesPerSecond']),
    framesDecoded: number(entry['framesDecoded']),
    framesEncoded: number(entry['framesEncoded']),
    freezes: number(entry['freezeCount']),
    freezeSeconds: number(entry['totalFreezesDuration']),
    audioEnergy: number(entry['totalAudioEnergy']),
    audioSeconds: number(entry['totalSamplesDuration']),
    concealedSamples: number(entry['concealedSamples']),
    samples: number(entry['totalSamplesReceived']),
    limitation: typeof entry['qualityLimitationReason'] === 'string' ? entry['qualityLimitationReason'] : null,
  };
}

function lossSince(entry: Entry, packets: number, earlier: StreamFigures | undefined): number {
  const lost = (number(entry['packetsLost']) ?? 0) - (earlier?.lost ?? 0);
  const received = packets - (earlier?.packets ?? 0);
  return received + lost <= 0 ? 0 : Math.max(0, lost / (received + lost));
}
