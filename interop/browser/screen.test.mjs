// Shared screens (Go Live): started, watched, left, ended, and found again by a page that lost its connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { until } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;

test('a shared screen', { timeout: 3 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada', { before: keepScreens });
  const bob = await visitor(t, browser, server, 'Bob');
  const viewers = (count) => until(`Ada has ${count} viewers`, async () => {
    const [stream] = (await ada.state()).live;
    return stream?.viewers.length === count;
  });
  await ada.join(/^General/);
  await bob.join(/^General/);

  await t.test('is watched', async (t) => {
    await ada.press('Share the screen');
    await bob.press('Watch the screen');
    report(t, `Bob sees: ${picture(await bob.sees(ada, { live: true }))}`);
    await viewers(1);
    await bob.hears(ada);
    // With its sound: what Ada's page plays, which is what Bob's microphone hears.
    report(t, `Bob hears the screen at ${decibels(await bob.hears(ada, { live: true }))}`);
  });

  await t.test('is left and watched again', async () => {
    await bob.press('Stop watching');
    await viewers(0);
    await bob.press('Watch the screen');
    await bob.sees(ada, { live: true });
    await viewers(1);
  });

  await t.test('stays when its owner resumes the call', async () => {
    await server.faults(ada).closeVoice();
    await ada.inRoom();
    await bob.sees(ada, { live: true });
  });

  await t.test('ends for those who watch when its owner ends it', async () => {
    await ada.press('Stop sharing');
    await until('nothing is shared', async () => (await bob.state()).live.length === 0);
    await bob.wasTold('The stream has ended');
    // Neither the picture nor the sound is captured any more.
    const captured = await ada.driver.read(`screens.flatMap((it) => it.getTracks()).map((it) => [it.kind, it.readyState])`);
    assert.deepEqual(captured.sort(), [['audio', 'ended'], ['video', 'ended']]);
  });

  await t.test('ends with its owner', async () => {
    await ada.press('Share the screen');
    await bob.press('Watch the screen');
    await bob.sees(ada, { live: true });
    await ada.press('Leave the channel');
    await ada.outOfRoom();
    await until('nothing is shared', async () => (await bob.state()).live.length === 0);
  });
});

/** Keeps what is captured, to see what becomes of it. */
function keepScreens() {
  const open = MediaDevices.prototype.getDisplayMedia;
  window.screens = [];
  MediaDevices.prototype.getDisplayMedia = async function (wish) {
    const screen = await open.call(this, wish);
    window.screens.push(screen);
    return screen;
  };
}
