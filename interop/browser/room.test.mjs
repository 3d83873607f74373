// Two pages and a bot on UDP in one channel.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { LOUD, sleep, until, writeTone } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;

test('two pages and a bot in one channel', { timeout: 4 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  const bob = await visitor(t, browser, server, 'Bob');
  // The owner of the guild moderates, and hears nothing.
  const exp = await visitor(t, browser, server, 'Exp');

  await t.test('each hears the others', async (t) => {
    const tone = join(server.folder, 'tone.wav');
    await writeTone(tone, 440);
    server.speak(tone);
    await ada.join(/^General/);
    await bob.join(/^General/);
    const bot = await until('the bot is in the room', async () => {
      const { peers } = await ada.state();
      const found = peers.find((peer) => peer.user !== bob.id);
      return found && { id: found.user, name: 'the bot' };
    });
    for (const [listener, speaker] of [[ada, bob], [bob, ada], [ada, bot], [bob, bot]]) {
      report(t, `${listener.name} hears ${speaker.name} at ${decibels(await listener.hears(speaker))}`);
    }
    // The ring of who is heard glows.
    for (const [listener, speaker] of [[ada, bob], [bob, ada]]) {
      await until(`${speaker.name} speaks at ${listener.name}`, async () => {
        const peer = (await listener.state()).peers.find(({ user }) => user === speaker.id);
        return peer.speaking && peer.level > 0;
      });
    }
    for (const speaker of [ada, bob]) {
      const heard = await server.heard(speaker, { window: 3_000, within: 15_000 });
      report(t, `a bot on UDP hears ${speaker.name} at ${decibels(heard)}`);
      assert.ok(heard > LOUD, `${speaker.name} is heard at ${heard} dBFS`);
    }
  });

  await t.test('each sees the other; the camera goes off and on', async (t) => {
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

  await t.test('a small tile gets the small layer, a large one the large one', async (t) => {
    const pixels = (ratio) => bob.driver.read(`Object.defineProperty(window, 'devicePixelRatio', { value: ${ratio},
      configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`);
    const width = async () => (await bob.stream(ada, 'video')).width;
    await until('the small layer', async () => (await width()) <= 640);
    await pixels(3);
    await until('the large layer', async () => (await width()) > 640, 45_000, 200);
    report(t, `Bob sees Ada: ${picture(await bob.sees(ada))}`);
    await pixels(1);
    await until('the small layer again', async () => (await width()) <= 640, 20_000, 200);
  });

  await t.test('a page that nobody looks at asks for no pictures', async () => {
    const { ssrc } = await bob.stream(ada, 'video');
    const noPictures = () => until('no pictures come', async () => {
      const before = await bob.stream(ada, 'video');
      await sleep(700);
      const after = await bob.stream(ada, 'video');
      return after.ssrc === ssrc && after.framesDecoded - before.framesDecoded < 2;
    });
    await bob.driver.read(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
    await noPictures();
    await bob.driver.read(`delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`);
    await bob.sees(ada);
    // Nor does one that shows a text channel.
    await bob.driver.page.getByRole('button', { name: 'general', exact: true }).click();
    await noPictures();
    await bob.join(/^General/);
    await bob.sees(ada);
  });

  await t.test('who mutes is silent, who is deaf hears nothing', async () => {
    await ada.press('Mute');
    await bob.hearsNothingOf(ada);
    await ada.press('Unmute');
    await bob.hears(ada);
    await bob.press('Deafen');
    await bob.hearsNothingOf(ada);
    await bob.press('Hear again');
    await bob.hears(ada);
  });

  await t.test('one page is loaded again and comes back', async (t) => {
    await bob.driver.reload();
    await bob.inRoom();
    report(t, `Bob hears Ada at ${decibels(await bob.hears(ada))} again`);
    await ada.hears(bob);
    await bob.sees(ada);
  });

  await t.test('a moderator mutes, moves and disconnects', async () => {
    await exp.join(/^General/);
    await exp.press('Options for Ada');
    const ring = ada.driver.page.getByLabel('Ada, speaking');
    await ring.waitFor();
    await exp.press('Mute for everyone');
    await bob.hearsNothingOf(ada);
    // Nor does one's own page say that one speaks, through several of the microphone's beeps.
    for (let look = 0; look < 30; look += 1) {
      assert.equal(await ring.count(), 0, 'a muted person seems to speak');
      await sleep(100);
    }
    await exp.press('Options for Ada');
    await exp.press('Let speak again');
    await bob.hears(ada);
    const [general, music] = server.channels;
    await exp.press('Options for Ada');
    await exp.driver.choose('Move to', 'Music');
    await ada.inRoom(music);
    await bob.shows(ada, false);
    await exp.press(/^Music/);
    await exp.inRoom(music);
    await exp.press('Options for Ada');
    await exp.driver.choose('Move to', 'General');
    await ada.inRoom(general);
    await exp.press(/^General/);
    await exp.inRoom(general);
    await bob.hears(ada);
    await exp.press('Options for Ada');
    await exp.press('Disconnect');
    await ada.outOfRoom();
    await ada.wasTold('You were disconnected');
    await bob.shows(ada, false);
    await ada.join(/^General/);
    await bob.hears(ada);
  });

  await t.test('one page is killed: the others go on, and it leaves', async () => {
    await ada.driver.kill();
    await bob.hears(exp);
    await bob.shows(ada, false, 75_000);
  });
});
