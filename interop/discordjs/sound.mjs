// What the bots play, and how they recognise what they hear.
import { StreamType, createAudioResource } from '@discordjs/voice';
import { Readable } from 'node:stream';

export const RATE = 48_000;
const FRAME = RATE / 50;

// So many seconds of a sine wave, as 16-bit stereo PCM in frames of 20 ms.
function tone(hz, seconds) {
  let frame = 0;
  return new Readable({
    read() {
      if (frame >= seconds * 50) return void this.push(null);
      const pcm = Buffer.alloc(FRAME * 4);
      for (let i = 0; i < FRAME; i++) {
        const sample = Math.round(12_000 * Math.sin((2 * Math.PI * hz * (frame * FRAME + i)) / RATE));
        pcm.writeInt16LE(sample, i * 4);
        pcm.writeInt16LE(sample, i * 4 + 2);
      }
      frame += 1;
      this.push(pcm);
    },
  });
}

// The same, for a player. It tells `metadata.hz`.
export function track(hz, seconds) {
  return createAudioResource(tone(hz, seconds), { inputType: StreamType.Raw, metadata: { hz } });
}

// dBFS of one frequency in interleaved stereo PCM (Goertzel on the left channel).
export function level(pcm, hz) {
  const samples = pcm.length / 4;
  const step = 2 * Math.cos((2 * Math.PI * hz) / RATE);
  let [a, b] = [0, 0];
  for (let i = 0; i < samples; i++) [a, b] = [pcm.readInt16LE(i * 4) / 32_768 + step * a - b, a];
  const amplitude = (2 * Math.sqrt(Math.max(0, a * a + b * b - step * a * b))) / samples;
  return 20 * Math.log10(Math.max(amplitude, 1e-9));
}
