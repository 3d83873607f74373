// Programs on UDP and the page share pictures: a file that is streamed plays, and a camera that is recorded decodes.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { clapper, delays } from './lib/clapper.mjs';
import { until } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const run = promisify(execFile);
const MOVIES = resolve('../../crates/voxhall-media/tests/data');
/** Seconds of a recording. */
const SECONDS = 8;
/** Sound and picture are together within this, in milliseconds. */
const TOGETHER = 40;

/** Starts the program against a server; it ends with the test. */
function voxhall(t, server, ...args) {
  const child = spawn(process.env.VOXHALL_BIN, [...args, '--channel', server.channel, '--state', server.folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(() => child.kill());
  return new Promise((ended, failed) => {
    child.on('error', failed);
    child.on('exit', (code) => ended(code));
  });
}

/** Records somebody with camera. */
function recorded(t, server, { id }, file) {
  const whom = ['--video', '--user', id, '--seconds', String(SECONDS)];
  return voxhall(t, server, 'record', file, ...whom, '--token', 'testkit-recorder');
}

test('pictures between programs and the page', { timeout: 150_000 }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  await ada.join(/^General/);

  for (const movie of ['pattern-vp8.webm', 'pattern-h264.mp4', 'pattern-vp9.webm', 'pattern-av1.webm']) {
    await t.test(`${movie} is streamed, and plays in the page`, async (t) => {
      const before = (await ada.state()).peers.map((peer) => peer.user);
      voxhall(t, server, 'stream', join(MOVIES, movie), '--loop', '--token', `testkit-${movie}`);
      const bot = await until('the bot is in the room', async () => {
        const found = (await ada.state()).peers.find((peer) => !before.includes(peer.user));
        return found && { id: found.user, name: movie };
      });
      report(t, `the page sees ${picture(await ada.sees(bot))}`);
      report(t, `and hears ${decibels(await ada.hears(bot))}`);
    });
  }

  await t.test('the camera of the page is recorded, and decodes without a complaint', async (t) => {
    await ada.press('Turn the camera on');
    const file = join(server.folder, 'ada.mkv');
    assert.equal(await recorded(t, server, ada, file), 0);
    const decoded = await run('ffmpeg', ['-v', 'warning', '-i', file, '-f', 'null', '-']);
    assert.equal(decoded.stderr, '');
    const { stdout } = await run('ffprobe', [
      '-v', 'error', '-count_packets', '-show_entries', 'stream=codec_name,width,height,nb_read_packets', '-of', 'json', file,
    ]);
    const { streams } = JSON.parse(stdout);
    const [pictures, sound] = [streams.find((stream) => stream.width), streams.find((stream) => stream.codec_name === 'opus')];
    report(t, `${pictures?.nb_read_packets} pictures of ${pictures?.codec_name} ${pictures?.width}×${pictures?.height}, ${sound?.nb_read_packets} packets of sound`);
    assert.ok(Number(pictures?.nb_read_packets) > SECONDS * 3, 'pictures');
    assert.ok(Number(sound?.nb_read_packets) > SECONDS * 40, 'sound');
  });

  await t.test('what happens at one moment is at one moment in the recording', async (t) => {
    const bob = await visitor(t, browser, server, 'Bob', { before: clapper });
    await bob.join(/^General/);
    await bob.press('Turn the camera on');
    const file = join(server.folder, 'bob.mkv');
    assert.equal(await recorded(t, server, bob, file), 0);
    const measured = await delays(file);
    report(t, `sound behind picture by ${measured.map((delay) => delay.toFixed(0)).join(', ')} ms`);
    assert.ok(measured.length >= SECONDS - 3, `${measured.length} claps`);
    assert.ok(measured.every((delay) => Math.abs(delay) < TOGETHER), 'sound and picture are together');
  });
});
