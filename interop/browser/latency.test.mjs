// How long it takes from the click on a channel until the first sound of somebody was decoded.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { median, sleep, until, writeTone } from './lib/measure.mjs';
import { report } from './lib/person.mjs';

const JOINS = 9;
/** What is wanted, and what nobody would wait for. The former is printed: a busy machine says nothing about the page. */
const AIM_MS = 400;
const MOST_MS = 5_000;

test('from the click to the first sound', { timeout: 120_000 }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const tone = join(server.folder, 'tone.wav');
  await writeTone(tone, 440);
  server.speak(tone);
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  const times = [];
  for (let joins = 0; joins < JOINS; joins += 1) {
    await ada.join(/^General/);
    times.push(await until('the first sound', async () => (await ada.state()).firstSoundMs));
    await ada.press('Leave the channel');
    await ada.outOfRoom();
    // The server hears op 4 ten times in ten seconds.
    await sleep(2_000);
  }
  const middle = median(times);
  const each = times.map((time) => Math.round(time)).join(', ');
  report(t, `click to first sound: median ${Math.round(middle)} ms of ${each} (aim: under ${AIM_MS} ms)`);
  assert.ok(middle < MOST_MS, `${middle} ms`);
});
