// Waiting, and what is measured: levels in dBFS, pictures by the second, medians.
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Speech, or a tone: louder than this. */
export const LOUD = -45;
/** Nothing: quieter than this. */
export const QUIET = -60;

/** Waits until `look` gives something, and gives it. Fails with what was seen last. */
export async function until(what, look, within = 10_000, every = 50) {
  const end = Date.now() + within;
  let seen;
  for (;;) {
    try {
      seen = await look();
      if (seen) return seen;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${within} ms; last seen: ${describe(seen)}`);
    await sleep(every);
  }
}

const describe = (seen) => (seen instanceof Error ? seen.message : JSON.stringify(seen));

/** Energy and seconds of two readings as a level in dBFS. */
export function level(before, after) {
  const seconds = after.audioSeconds - before.audioSeconds;
  const energy = after.audioEnergy - before.audioEnergy;
  return seconds > 0 && energy > 0 ? 10 * Math.log10(energy / seconds) : -120;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Writes a tone of ten seconds into a WAV file: 16 bits, 48 kHz, mono. */
export async function writeTone(file, hz) {
  const rate = 48_000;
  const samples = rate * 10;
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at += 1) {
    wav.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * hz * at) / rate)), 44 + at * 2);
  }
  await writeFile(file, wav);
}
