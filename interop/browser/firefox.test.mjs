// Firefox: two windows in one channel, with sound and pictures.
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, outsideAddress, visitor } from './lib/firefox.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;

test('two windows of Firefox in one channel', { timeout: 3 * MINUTE }, async (t) => {
  const server = await Voxhall.start('--media-address', '127.0.0.1', '--media-address', await outsideAddress(t));
  t.after(() => server.stop());
  const firefox = await launch(t);
  const ada = await visitor(firefox, server, 'Ada');
  const bob = await visitor(firefox, server, 'Bob');

  await t.test('each hears the other', async (t) => {
    await ada.join(/^General/);
    await bob.join(/^General/);
    report(t, `Ada hears Bob at ${decibels(await ada.hears(bob))}`);
    report(t, `Bob hears Ada at ${decibels(await bob.hears(ada))}`);
  });

  await t.test('each sees the other; a camera goes off and on', async (t) => {
    await ada.press('Turn the camera on');
    await bob.press('Turn the camera on');
    report(t, `Bob sees Ada: ${picture(await bob.sees(ada))}`);
    report(t, `Ada sees Bob: ${picture(await ada.sees(bob))}`);
    await ada.press('Turn the camera off');
    await bob.seesNothingOf(ada);
    await ada.press('Turn the camera on');
    report(t, `Bob sees Ada again: ${picture(await bob.sees(ada))}`);
    await bob.hears(ada);
  });

  await t.test('who mutes is silent', async () => {
    await ada.press('Mute');
    await bob.hearsNothingOf(ada);
    await ada.press('Unmute');
    await bob.hears(ada);
  });

  await t.test('who leaves is gone', async () => {
    await ada.press('Leave the channel');
    await ada.outOfRoom();
    await bob.shows(ada, false);
  });
});
