// Somebody in front of the page. What is read comes from `window.voxhall` (web/README.md); what is done is done as a
// person does it. `driver` is one of chromium.mjs or firefox.mjs: goto, fill, press, read, reload, close.
import assert from 'node:assert/strict';
import { level, LOUD, QUIET, sleep, until } from './measure.mjs';

/** How long a level or a rate is looked at. */
const WINDOW = 1_500;

export class Person {
  constructor(name, driver) {
    this.name = name;
    this.driver = driver;
  }

  /** Opens the page and picks the name. */
  async signIn(base) {
    await this.driver.goto(base);
    await this.driver.fill('Your name', this.name);
    await this.driver.press('Enter');
    const { user } = await until(`${this.name} is signed in`, async () => {
      const state = await this.state();
      return state.gateway === 'ready' && state.user !== null && state;
    });
    this.id = user;
    return this;
  }

  state() {
    return this.driver.read('window.voxhall.state');
  }

  statistics() {
    return this.driver.read('window.voxhall.statistics()');
  }

  press(button) {
    return this.driver.press(button);
  }

  /** Clicks a voice channel, and waits until media flow. */
  async join(channel) {
    await this.press(channel);
    await this.inRoom();
  }

  inRoom(channel, within = 15_000) {
    return until(`${this.name} is in the room`, async () => {
      const { room, link, transport, notices } = await this.state();
      const there = room !== null && room.phase === 'in' && (channel === undefined || room.channel === channel);
      if (there && link === 'connected' && transport === 'connected') return true;
      throw new Error(JSON.stringify({ room, link, transport, notices }));
    }, within);
  }

  outOfRoom(within = 10_000) {
    return until(`${this.name} is in no room`, async () => (await this.state()).room === null, within);
  }

  /** Waits for a stream of somebody; gives its figures. */
  stream(other, kind, { live = false, within = 15_000 } = {}) {
    return until(`${this.name} receives ${kind} of ${other.name}`, async () => {
      const rows = await this.statistics();
      return rows.find((row) => row.user === other.id && row.kind === kind && row.direction === 'in' && row.live === live);
    }, within, 200);
  }

  /** How loud somebody is here, in dBFS, over a while from now on: measured on the track that was received. */
  async level(other, options = {}) {
    const before = await this.stream(other, 'audio', options);
    await sleep(WINDOW);
    return level(before, await this.stream(other, 'audio', options));
  }

  /** Waits until somebody is heard; gives the level. */
  hears(other, options = {}) {
    return until(`${this.name} hears ${other.name}`, async () => {
      const heard = await this.level(other, options);
      return heard > LOUD ? heard : null;
    }, options.within ?? 15_000, 0);
  }

  /** Waits until somebody who is in the room is silent here, for a whole while. */
  hearsNothingOf(other, within = 12_000) {
    const sound = async () => {
      const rows = await this.statistics();
      return rows.find((row) => row.user === other.id && row.kind === 'audio' && row.direction === 'in' && !row.live);
    };
    return until(`${this.name} does not hear ${other.name}`, async () => {
      const before = await sound();
      await sleep(WINDOW);
      const after = await sound();
      const { peers } = await this.state();
      if (!peers.some((peer) => peer.user === other.id)) throw new Error(`${other.name} is not in the room`);
      // No stream at all is silent; one that began or ended meanwhile may have been heard.
      if (before === undefined || after === undefined) return before === after;
      return before.ssrc === after.ssrc && level(before, after) < QUIET;
    }, within, 0);
  }

  /** Waits for pictures of somebody; gives their size, how many came by the second and how many were decoded. */
  async sees(other, { live = false, atLeast = 5, within = 20_000 } = {}) {
    const what = live ? 'screen' : 'camera';
    return until(`${this.name} sees the ${what} of ${other.name}`, async () => {
      const before = await this.stream(other, 'video', { live });
      await sleep(WINDOW);
      const after = await this.stream(other, 'video', { live });
      const rate = ((after.framesDecoded - before.framesDecoded) * 1000) / WINDOW;
      return rate >= atLeast && { width: after.width, height: after.height, rate, codec: after.codec };
    }, within, 0);
  }

  /** Waits until no pictures of somebody arrive. */
  seesNothingOf(other, within = 10_000) {
    return until(`${this.name} does not see ${other.name}`, async () => {
      const rows = await this.statistics();
      return !rows.some((row) => row.user === other.id && row.kind === 'video' && !row.live);
    }, within, 200);
  }

  /** Waits until somebody is shown in the room, or no longer. */
  async shows(other, there = true, within = 10_000) {
    await until(`${this.name} ${there ? 'finds' : 'misses'} ${other.name} in the room`, async () => {
      const { peers } = await this.state();
      return peers.some((peer) => peer.user === other.id) === there;
    }, within);
  }

  /** What the page said must be this. */
  async wasTold(text, within = 5_000) {
    await until(`${this.name} is told "${text}"`, async () => {
      const { notices } = await this.state();
      return notices.some((notice) => notice.includes(text));
    }, within);
  }
}

/** Says figures beside the test's name. */
export function report(t, text) {
  t.diagnostic(text);
}

/** A level with its unit. */
export const decibels = (value) => `${value.toFixed(1)} dBFS`;

/** A picture with its rate. */
export function picture({ width, height, rate, codec }) {
  assert.ok(width >= 160 && height >= 90, `a picture of ${width}×${height}`);
  return `${codec} ${width}×${height} at ${rate.toFixed(0)}/s`;
}
