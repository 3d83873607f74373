// A private call between two pages: rung, declined, rung again, accepted, left; and one that nobody takes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { sleep, until } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;
const RING_SECONDS = 6;

const rings = (callee) => until(`it rings at ${callee.name}`, async () => (await callee.state()).incomingCall);
const silent = (callee) => until(`it is silent at ${callee.name}`, async () => (await callee.state()).incomingCall === null);

test('a private call', { timeout: 3 * MINUTE }, async (t) => {
  const server = await Voxhall.start('--ring-time', String(RING_SECONDS));
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  const bob = await visitor(t, browser, server, 'Bob', { before: countNotes });

  await t.test('is declined: the caller stays alone and is told', async () => {
    await ada.press('Call Bob');
    await ada.inRoom();
    await rings(bob);
    await bob.press('Decline');
    await silent(bob);
    await ada.wasTold('Nobody took the call');
  });

  await t.test('rings again and is accepted: both hear each other', async (t) => {
    const gear = bob.driver.page.getByRole('button', { name: 'Settings' });
    await gear.focus();
    await ada.press('Ring again');
    await rings(bob);
    await bob.driver.page.getByRole('button', { name: 'Accept' }).waitFor();
    // Who is at something else does not accept with the next key.
    assert.ok(await gear.evaluate((it) => it === document.activeElement), 'the call took the focus');
    await bob.press('Accept');
    await bob.inRoom();
    report(t, `Ada hears Bob at ${decibels(await ada.hears(bob))}`);
    report(t, `Bob hears Ada at ${decibels(await bob.hears(ada))}`);
    await bob.press('Turn the camera on');
    report(t, `Ada sees Bob: ${picture(await ada.sees(bob))}`);
  });

  await t.test('is left by one and then by the other', async () => {
    await ada.press('Leave the call');
    await ada.outOfRoom();
    await bob.shows(ada, false);
    await bob.press('Leave the call');
    await bob.outOfRoom();
  });

  await t.test('stops ringing when nobody comes', async () => {
    await bob.press('Call Ada');
    await rings(ada);
    await silent(ada);
    await bob.wasTold('Nobody took the call');
    await bob.press('Leave the call');
    await bob.outOfRoom();
  });

  await t.test('does not ring on for somebody who signs out', async () => {
    await ada.press('Call Bob');
    await rings(bob);
    await bob.press('Settings');
    await bob.press('Sign out');
    await bob.driver.page.getByLabel('Your name').waitFor();
    const { notes, listeners } = await bob.driver.read('({ notes, listeners })');
    assert.ok(notes > 0, 'it did not ring');
    assert.equal(listeners, 0, 'somebody still waits for devices');
    // Longer than from one ring to the next.
    await sleep(3_000);
    assert.equal(await bob.driver.read('notes'), notes, 'it rings on');
  });
});

/** Counts the notes of the ringtone, and who waits for devices to be plugged in. */
function countNotes() {
  window.notes = 0;
  window.listeners = 0;
  const { createOscillator } = BaseAudioContext.prototype;
  BaseAudioContext.prototype.createOscillator = function () {
    window.notes += 1;
    return createOscillator.call(this);
  };
  const count = (method, step) => {
    const whole = EventTarget.prototype[method];
    MediaDevices.prototype[method] = function (...listener) {
      window.listeners += step;
      return whole.apply(this, listener);
    };
  };
  count('addEventListener', 1);
  count('removeEventListener', -1);
}
