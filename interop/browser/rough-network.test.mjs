// Networks as they are: loss, delay and a narrow link for one of three pages with cameras. The server makes them, with
// seeds, where its packets meet the socket.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { launch, visitor } from './lib/chromium.mjs';
import { level, LOUD, sleep, until } from './lib/measure.mjs';
import { decibels, picture, report } from './lib/person.mjs';

const MINUTE = 60_000;
/** How long one level is taken: the microphones beep, with pauses. */
const WINDOW = 1_500;
/** When a step up has lasted for so long, it was none too many. */
const CALM = 11_000;
/** A screen of small pixels: tiles of three people want the large layer, and the page is still quick to paint. */
const SHARP = `Object.defineProperty(window, 'devicePixelRatio', { value: 2 }), true`;

test('three pages with cameras', { timeout: 8 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  // Few pictures: each of three pages encodes them twice.
  const browser = await launch(t, '--use-fake-device-for-media-stream=fps=10');
  const ada = await visitor(t, browser, server, 'Ada');
  const bob = await visitor(t, browser, server, 'Bob');
  const cas = await visitor(t, browser, server, 'Cas');
  for (const person of [ada, bob, cas]) {
    await person.driver.read(SHARP);
    await person.join(/^General/);
    await person.press('Turn the camera on');
  }
  const faults = server.faults(cas);

  await t.test('get the large pictures of each other over a good network', async (t) => {
    for (const [viewer, sender] of [[ada, bob], [bob, ada], [cas, ada], [cas, bob]]) {
      await until(`${viewer.name} gets the large layer of ${sender.name}`, () => isLarge(viewer, sender), 45_000, 500);
      report(t, `${viewer.name} sees ${sender.name}: ${picture(await viewer.sees(sender, { atLeast: 2 }))}`);
    }
    for (const sender of [ada, bob]) report(t, `${sender.name} sends ${await layers(sender)}`);
  });

  await t.test('2 % of the packets are lost, and a round trip takes 100 ms longer', async (t) => {
    await faults.datagrams({ direction: 'both', drop: 2, delay_ms: 50, seed: 1 });
    seesAThird(await heardThroughout(t, cas, [ada, bob], 15_000));
    await faults.healDatagrams();
  });

  await t.test('10 % of the packets are lost', async (t) => {
    await faults.datagrams({ direction: 'both', drop: 10, seed: 2 });
    seesAThird(await heardThroughout(t, cas, [ada, bob], 15_000));
    await faults.healDatagrams();
    for (const sender of [ada, bob]) {
      await until(`Cas gets the large layer of ${sender.name} again`, () => isLarge(cas, sender), MINUTE, 500);
    }
  });

  await t.test('300 kbit/s carry all voices and small pictures; the others keep the large ones', async (t) => {
    // A link that narrows right after a step up makes the server wait longer for the next one.
    await sleep(CALM);
    const since = Date.now();
    await faults.datagrams({ direction: 'down', bits_per_second: 300_000, queue_ms: 200, seed: 3 });
    for (const sender of [ada, bob]) {
      const gets = await until(`Cas gets less of ${sender.name}`, () => getsLess(cas, sender), 30_000, 200);
      report(t, `Cas ${gets} of ${sender.name} ${seconds(since)} later`);
    }
    const { bitrate, shown } = await heardThroughout(t, cas, [ada, bob], 12_000);
    assert.ok(bitrate < 300_000, `${bitrate} bit/s pass`);
    const small = shown.filter(({ pictures, width, widths }) => pictures >= 24 && width < (widths[0] + widths.at(-1)) / 2);
    assert.ok(small.length > 0, `no small pictures of anybody: ${JSON.stringify(shown)}`);
    for (const [viewer, sender] of [[ada, bob], [bob, ada]]) {
      assert.ok(await isLarge(viewer, sender), `${viewer.name} lost the large layer of ${sender.name}`);
      report(t, `${viewer.name} still sees ${sender.name}: ${picture(await viewer.sees(sender, { atLeast: 2 }))}`);
    }
  });

  await t.test('the link is wide again: there is more to see within 20 s', async (t) => {
    const shown = async () => {
      const steps = await Promise.all([ada, bob].map((sender) => step(cas, sender)));
      return steps[0] + steps[1];
    };
    const before = await shown();
    const since = Date.now();
    await faults.healDatagrams();
    await until('a picture comes back or grows', async () => (await shown()) > before, 20_000, 0);
    report(t, `the first step up took ${seconds(since)}`);
    for (const sender of [ada, bob]) {
      await until(`Cas gets the large layer of ${sender.name}`, () => isLarge(cas, sender), MINUTE, 200);
    }
    report(t, `both are after ${seconds(since)}`);
  });
});

/**
 * Listens to everybody for a while: each must be heard in every window. Says what was made up of the sound and how
 * often pictures froze; gives how many pictures of each came and were sent, how wide they are and those that are sent,
 * and what arrived in bit/s.
 */
async function heardThroughout(t, listener, speakers, ms) {
  const begin = await streamsOf(listener, speakers);
  const layersBefore = await Promise.all(speakers.map(sent));
  const began = Date.now();
  let [before, quietest] = [begin, 0];
  while (Date.now() - began < ms) {
    await sleep(WINDOW);
    const after = await streamsOf(listener, speakers);
    for (const [index, speaker] of speakers.entries()) {
      const heard = level(before[index].audio, after[index].audio);
      quietest = Math.min(quietest, heard);
      assert.ok(heard > LOUD, `${listener.name} hears ${speaker.name} at ${decibels(heard)} after ${seconds(began)}`);
    }
    before = after;
  }
  const elapsed = (Date.now() - began) / 1000;
  report(t, `${listener.name} hears all of them for ${elapsed.toFixed(0)} s, never below ${decibels(quietest)}`);
  const layersAfter = await Promise.all(speakers.map(sent));
  let bytes = 0;
  const shown = [];
  for (const [index, speaker] of speakers.entries()) {
    const [from, to] = [begin[index], before[index]];
    const concealed = (to.audio.concealedSamples - from.audio.concealedSamples) / (to.audio.samples - from.audio.samples);
    const decoded = to.video.framesDecoded - from.video.framesDecoded;
    const freezes = to.video.freezes - from.video.freezes;
    const frozen = to.video.freezeSeconds - from.video.freezeSeconds;
    report(t, `  of ${speaker.name}: ${(concealed * 100).toFixed(1)} % of the sound was made up; ${to.video.width}×` +
      `${to.video.height}, ${(decoded / elapsed).toFixed(1)} pictures/s, ${freezes} freezes of ${frozen.toFixed(1)} s together`);
    const encoded = layersAfter[index].map((layer) => {
      const earlier = layersBefore[index].find(({ ssrc }) => ssrc === layer.ssrc);
      return layer.framesEncoded - (earlier?.framesEncoded ?? 0);
    });
    const widths = layersAfter[index].map(({ width }) => width);
    shown.push({ name: speaker.name, pictures: decoded, sent: Math.max(...encoded), width: to.video.width, widths });
    bytes += to.audio.bytes - from.audio.bytes + to.video.bytes - from.video.bytes;
  }
  return { shown, bitrate: (bytes * 8) / elapsed };
}

/** Of each, a third of the pictures that were sent must have come. */
function seesAThird({ shown }) {
  for (const { name, pictures, sent } of shown) {
    assert.ok(pictures > sent / 3, `only ${pictures} of ${sent} pictures of ${name}`);
  }
}

/** The streams of several people, as they arrive at one. */
async function streamsOf(viewer, senders) {
  const rows = await viewer.statistics();
  return senders.map((sender) => {
    const row = (kind) => rows.find((it) => it.user === sender.id && it.kind === kind && it.direction === 'in');
    return { audio: row('audio'), video: row('video') };
  });
}

/** What somebody sends of the camera, the small layer first. */
async function sent(sender) {
  const rows = await sender.statistics();
  const video = rows.filter((row) => row.kind === 'video' && row.direction === 'out' && row.width !== null);
  return video.sort((a, b) => a.width - b.width);
}

async function layers(sender) {
  const rows = await sent(sender);
  return rows.map(({ width, height, bitrate }) => `${width}×${height} at ${Math.round(bitrate / 1000)} kbit/s`).join(' and ');
}

/** What arrives of a camera: 0 for nothing, 1 for the small layer, 2 for the large one, which is clearly wider. */
async function step(viewer, sender) {
  const [{ video: before }] = await streamsOf(viewer, [sender]);
  await sleep(WINDOW);
  const [small, large] = await sent(sender);
  const [{ video: after }] = await streamsOf(viewer, [sender]);
  if (after.framesDecoded - before.framesDecoded < 2) return 0;
  return large !== undefined && after.width > (small.width + large.width) / 2 ? 2 : 1;
}

const isLarge = async (viewer, sender) => (await step(viewer, sender)) === 2;

/** Less than the large layer arrives; says what. */
async function getsLess(viewer, sender) {
  return ['gets nothing', 'gets the small layer', false][await step(viewer, sender)];
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
