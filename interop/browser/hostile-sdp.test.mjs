// A browser whose op 1 is broken on its way: it is turned away with a reason, and a call of two others goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { until } from './lib/measure.mjs';
import { decibels, report } from './lib/person.mjs';

const MINUTE = 60_000;
const BAD_REQUEST = 4020;

/** What becomes of the fragment, as text for the page. */
const BROKEN = {
  'an empty fragment': `() => ''`,
  'a fragment of 42 kB': `(fragment) => fragment + '\\na=x-nothing:1'.repeat(3000)`,
  'a fragment without lines about ICE': `(fragment) => fragment.replace(/^a=ice-.*\\n?/gm, '')`,
  'a fragment that is no text': `() => 4711`,
  'the fingerprint of another certificate':
    `(fragment) => fragment.replace(/(sha-256 )(..)/, (_, name, byte) => name + (byte === '00' ? '01' : '00'))`,
};

/** Breaks the fragment in every op 1 of WebRTC, and keeps how sockets ended. */
const TAMPER = `(() => {
  window.ends = [];
  const [send, known] = [WebSocket.prototype.send, new WeakSet()];
  WebSocket.prototype.send = function (text) {
    if (!known.has(this)) this.addEventListener('close', ({ code, reason }) => window.ends.push({ code, reason }));
    known.add(this);
    const message = JSON.parse(text);
    if (message.op !== 1 || message.d?.protocol !== 'webrtc') return send.call(this, text);
    const d = { ...message.d, data: window.break(message.d.data), sdp: undefined };
    return send.call(this, JSON.stringify({ ...message, d }));
  };
})()`;

test('broken fragments', { timeout: 4 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  const bob = await visitor(t, browser, server, 'Bob');
  const eve = await visitor(t, browser, server, 'Eve');
  await eve.driver.read(TAMPER);
  await ada.join(/^General/);
  await bob.join(/^General/);
  await ada.hears(bob);
  const transport = (await ada.state()).own.audio;

  for (const [what, broken] of Object.entries(BROKEN)) {
    await t.test(`${what}: a bad request`, async (t) => {
      await eve.driver.read(`(window.break = ${broken}, window.ends.length = 0)`);
      await eve.press(/^General/);
      const end = await until('Eve is turned away', async () => {
        const ends = await eve.driver.read('window.ends');
        return ends.find(({ code }) => code >= 4000);
      }, 20_000);
      report(t, `${end.code} ${end.reason}`);
      assert.equal(end.code, BAD_REQUEST);
      assert.notEqual(end.reason, '');
      await eve.outOfRoom();
      report(t, `meanwhile Ada hears Bob at ${decibels(await ada.hears(bob))}, and he her at ${decibels(await bob.hears(ada))}`);
    });
  }

  await t.test('one that is whole: Eve is let in', async () => {
    await eve.driver.read('(window.break = (fragment) => fragment, true)');
    await eve.join(/^General/);
    await ada.hears(eve);
    await eve.hears(ada);
    assert.equal((await ada.state()).own.audio, transport, 'the call of the others is still the same');
  });
});
