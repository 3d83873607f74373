// A camera and a microphone that can be compared: once a second the picture turns white and a tone sounds, at one moment.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const RATE = 48_000;
/** Samples over this are the tone. */
const SOUNDS = 0.05;
/** Pictures over this, of 255, are the white one. */
const BRIGHT = 128;
/** Seconds from one clap to the next; a tone lasts a fifth of that. */
const PERIOD = 1;

/** What the page gets in the place of its devices; to be run before the page is. */
export function clapper() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const picture = canvas.getContext('2d');
  let sound;

  function listen() {
    const context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
    const tone = new OscillatorNode(context, { frequency: 440 });
    const gate = new GainNode(context, { gain: 0 });
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    tone.connect(gate).connect(out);
    tone.start();
    sound = { context, gate };
    return out.stream.getAudioTracks()[0];
  }

  function watch() {
    const [track] = canvas.captureStream(0).getVideoTracks();
    let shown = 0;
    setInterval(() => {
      const claps = shown % 20 < 4;
      picture.fillStyle = claps ? 'white' : 'black';
      picture.fillRect(0, 0, canvas.width, canvas.height);
      // Something has to move, or the encoder rests.
      picture.fillStyle = 'gray';
      picture.fillRect((shown * 8) % canvas.width, 0, 8, 8);
      track.requestFrame();
      sound?.gate.gain.setValueAtTime(claps ? 0.5 : 0, sound.context.currentTime);
      shown += 1;
    }, 50);
    return track;
  }

  navigator.mediaDevices.getUserMedia = async ({ audio, video }) =>
    new MediaStream([...(audio ? [listen()] : []), ...(video ? [watch()] : [])]);
}

/** For each clap of a recording: by how many milliseconds its sound is behind its picture. */
export async function delays(file) {
  const [pictures, sounds] = await Promise.all([flashes(file), tones(file)]);
  return pictures
    .map((at) => sounds.map((other) => (other - at) * 1000).sort((a, b) => Math.abs(a) - Math.abs(b))[0])
    .filter((delay) => delay !== undefined);
}

/** When pictures turn white, in seconds. */
async function flashes(file) {
  const { stdout } = await run('ffprobe', [
    '-v', 'error', '-f', 'lavfi', '-i', `movie=${file},signalstats`,
    '-show_entries', 'frame=pts_time:frame_tags=lavfi.signalstats.YAVG', '-of', 'csv=p=0',
  ]);
  const frames = stdout.trim().split('\n').map((line) => line.split(',').map(Number));
  return frames.filter(([, light], at) => at > 0 && light > BRIGHT && frames[at - 1][1] <= BRIGHT).map(([time]) => time);
}

/** When the tone begins, in seconds. */
async function tones(file) {
  const { stdout } = await run(
    'ffmpeg',
    ['-v', 'error', '-i', file, '-map', '0:a', '-af', 'aresample=async=1:min_hard_comp=0.001:first_pts=0', '-ac', '1', '-ar', String(RATE), '-f', 'f32le', '-'],
    { encoding: 'buffer', maxBuffer: 1 << 26 },
  );
  const samples = new Float32Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 2);
  const begins = [];
  let last = -Infinity;
  samples.forEach((sample, at) => {
    if (Math.abs(sample) < SOUNDS) return;
    // It was quiet for a while before: a tone begins here.
    if (at - last > (RATE * PERIOD) / 4) begins.push(at / RATE);
    last = at;
  });
  return begins;
}
