// What goes wrong on purpose: the page comes back by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { until } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;

test('a page that loses its connections', { timeout: 4 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);
  const ada = await visitor(t, browser, server, 'Ada');
  const bob = await visitor(t, browser, server, 'Bob');
  const faults = server.faults(ada);
  await ada.join(/^General/);
  await bob.join(/^General/);
  await ada.press('Turn the camera on');
  await bob.sees(ada);
  const ssrc = async () => (await ada.state()).own.audio;
  const lost = (what) => until(`Ada has lost ${what}`, async () => {
    const { link, room } = await ada.state();
    return link !== 'connected' || room.phase !== 'in';
  }, 10_000, 10);
  const back = async (t, since) => {
    await ada.inRoom(undefined, 30_000);
    const seconds = ((Date.now() - since) / 1000).toFixed(1);
    report(t, `back after ${seconds} s; Bob hears Ada at ${decibels(await bob.hears(ada))}, sees ${picture(await bob.sees(ada))}`);
    await ada.hears(bob);
  };

  await t.test('resumes a voice socket: media go on over the same transport', async (t) => {
    const before = await ssrc();
    const since = Date.now();
    await faults.closeVoice();
    await lost('the voice socket');
    await back(t, since);
    if (before !== (await ssrc())) throw new Error('the transport was made anew');
  });

  await t.test('tells of a camera that goes off while the voice socket is lost', async () => {
    const before = await ssrc();
    // New sockets lead nowhere, as the server speaks no TLS; and op 4 is lost, as it tells the server as well.
    await ada.driver.read(`window.kept = { WebSocket, send: WebSocket.prototype.send };
      window.WebSocket = class extends WebSocket { constructor() { super(location.origin.replace('http', 'wss')); } };
      kept.WebSocket.prototype.send = function (text) { if (JSON.parse(text).op !== 4) kept.send.call(this, text); }; true`);
    await faults.closeVoice();
    await lost('the voice socket');
    await ada.press('Turn the camera off');
    await until('the camera is off', async () => (await ada.state()).own.video.length === 0);
    assert.equal((await ada.state()).link, 'lost');
    await ada.driver.read('window.WebSocket = kept.WebSocket; true');
    await ada.inRoom();
    await bob.seesNothingOf(ada);
    assert.equal(await ssrc(), before, 'the transport was made anew');
    await ada.driver.read('WebSocket.prototype.send = kept.send; true');
    await ada.press('Turn the camera on');
    await bob.sees(ada);
  });

  await t.test('joins anew where a resume is refused', async (t) => {
    const before = await ssrc();
    await faults.refuseVoiceResumes(1);
    const since = Date.now();
    await faults.closeVoice();
    await lost('the voice session');
    await back(t, since);
    if (before === (await ssrc())) throw new Error('the transport is still the old one');
  });

  await t.test('comes back after its media worker crashed', async (t) => {
    const since = Date.now();
    await faults.crashWorker();
    await lost('the media worker');
    await back(t, since);
    await bob.inRoom();
  });

  await t.test('follows to another voice server', async (t) => {
    const before = await ssrc();
    const since = Date.now();
    await faults.move();
    await until('Ada has another transport', async () => ![null, before].includes(await ssrc()), 15_000);
    await back(t, since);
  });

  await t.test('waits for a voice server that is gone', async (t) => {
    const since = Date.now();
    await faults.takeVoiceServer(2_000);
    await lost('the voice server');
    await back(t, since);
  });

  await t.test('resumes the main Gateway without leaving the room', async () => {
    const before = await ssrc();
    await faults.closeGateway();
    await until('the Gateway is lost', async () => (await ada.state()).gateway !== 'ready', 5_000, 5);
    await until('the Gateway is back', async () => (await ada.state()).gateway === 'ready');
    await bob.hears(ada);
    if (before !== (await ssrc())) throw new Error('the voice connection did not stay');
  });

  await t.test('begins another session where the Gateway resumes none', async (t) => {
    const since = Date.now();
    await faults.refuseGatewayResumes(1);
    await faults.closeGateway();
    await until('the Gateway is lost', async () => (await ada.state()).gateway !== 'ready', 5_000, 5);
    await until('the Gateway is back', async () => (await ada.state()).gateway === 'ready', 15_000);
    await back(t, since);
  });

  await t.test('survives that no datagrams pass for a while', async (t) => {
    const since = Date.now();
    await faults.datagrams({ drop: 100, for_ms: 25_000 });
    await until('media are lost', async () => (await ada.state()).transport !== 'connected', 20_000);
    await back(t, since);
  });
});
