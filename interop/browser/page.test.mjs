// The page itself: ways in, the keyboard alone, narrow and dark, messages and the commands of bots.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Voxhall } from '../../testkit/javascript/index.js';
import { greeter } from './lib/bot.mjs';
import { launch, visitor } from './lib/chromium.mjs';
import { until } from './lib/measure.mjs';

const MINUTE = 60_000;

test('the page', { timeout: 4 * MINUTE }, async (t) => {
  const server = await Voxhall.start();
  t.after(() => server.stop());
  const browser = await launch(t);

  await t.test('lets people in with a password, and out', async (t) => {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(server.base);
    await page.getByRole('button', { name: 'Make an account' }).click();
    await page.getByLabel('User name').fill('grace');
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('Must be between 8 and 72 in length.').waitFor();
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('Online').waitFor();
    // A password keeps one signed in until one signs out.
    await page.reload();
    await page.getByText('Online').waitFor();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Your name').waitFor();
    await page.getByRole('button', { name: 'Sign in with a password' }).click();
    await page.getByLabel('User name').fill('grace');
    await page.getByLabel('Password').fill('wrong horse battery');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Login or password is invalid.').first().waitFor();
  });

  await t.test('needs no mouse', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada');
    const { page } = ada.driver;
    const focused = () => page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent');
    const walkTo = (name) => until(`the keyboard reaches ${name}`, async () => {
      if ((await focused()).startsWith(name)) return true;
      await page.keyboard.press('Tab');
      return false;
    }, 10_000, 0);
    await walkTo('General');
    await page.keyboard.press('Enter');
    await ada.inRoom();
    await walkTo('Mute');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Unmute', exact: true }).first().waitFor();
    await page.keyboard.press('Control+Shift+M');
    await page.getByRole('button', { name: 'Mute', exact: true }).first().waitFor();
    await walkTo('Network');
    const network = page.getByRole('button', { name: 'Network', exact: true });
    assert.equal(await network.getAttribute('aria-expanded'), 'false');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Network' }).waitFor();
    assert.equal(await network.getAttribute('aria-expanded'), 'true');
    // What is on or off has no state beside the label that changes.
    assert.equal(await page.locator('[aria-pressed]').count(), 0);
    await walkTo('Leave the channel');
    await page.keyboard.press('Enter');
    await ada.outOfRoom();
  });

  await t.test('says that a session ended for good, and begins another', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada', { viewport: { width: 360, height: 700 } });
    const { page } = ada.driver;
    await server.faults(ada).closeGateway(4015);
    await page.getByText('too many sessions (4015)').filter({ visible: true }).waitFor();
    await page.getByText('Disconnected', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Online').waitFor();
    assert.equal(await page.getByText('too many sessions').count(), 0);
  });

  await t.test('sends speech only while the key to talk is held', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada');
    const bob = await visitor(t, browser, server, 'Bob');
    await ada.press('Settings');
    await ada.driver.page.getByRole('switch', { name: 'Push to talk' }).check();
    await ada.driver.page.keyboard.press('Escape');
    await ada.join(/^General/);
    await bob.join(/^General/);
    await bob.hearsNothingOf(ada);
    await ada.driver.page.keyboard.down('Backquote');
    await bob.hears(ada);
    await ada.driver.page.keyboard.up('Backquote');
    await bob.hearsNothingOf(ada);
  });

  await t.test('gives a camera back that was allowed after one has left', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada', { before: askForCameras });
    await ada.join(/^General/);
    await ada.press('Turn the camera on');
    await until('the person is asked', () => ada.driver.read('typeof allowCamera === "function"'));
    await ada.press('Leave the channel');
    await ada.outOfRoom();
    await ada.driver.read('allowCamera()');
    await until('the camera is given back', async () => {
      const states = await ada.driver.read('cameras.map((it) => it.readyState)');
      return states.join() === 'ended';
    });
  });

  await t.test('keeps in mind how loud somebody shall be', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada');
    const bob = await visitor(t, browser, server, 'Bob', { before: keepPlayed });
    await ada.join(/^General/);
    await bob.join(/^General/);
    await bob.hears(ada);
    const volumes = () => bob.driver.read('played.filter((it) => !it.paused).map((it) => it.volume).join()');
    assert.equal(await volumes(), '1');
    await bob.press('Options for Ada');
    await bob.driver.page.getByLabel('Volume').fill('20');
    const kept = await bob.driver.read(`JSON.parse(localStorage.getItem('voxhall.settings')).volumes`);
    assert.deepEqual(kept, { [ada.id]: 0.2 });
    assert.equal(await volumes(), '0.2');
  });

  await t.test('raises a hand on a stage, and speaks once invited', async (t) => {
    await server.operate('POST', `/admin/guilds/${server.guild}/channels`, { name: 'Podium', type: 13 });
    // A clock that is ten minutes slow keeps nobody from raising a hand.
    const ada = await visitor(t, browser, server, 'Ada', { before: slowClock });
    // The owner of the guild is a moderator of every stage.
    const exp = await visitor(t, browser, server, 'Exp');
    await exp.join(/^Podium/);
    await ada.join(/^Podium/);
    await ada.hears(exp);
    await exp.hearsNothingOf(ada);
    await ada.press('Raise a hand');
    await exp.driver.page.getByText('asks to speak').waitFor();
    await exp.press('Options for Ada');
    await exp.press('Invite to speak');
    await ada.driver.page.getByRole('button', { name: 'Only listen' }).waitFor();
    // The microphone stays closed until the person accepts.
    await exp.hearsNothingOf(ada);
    await ada.press(/^Speak$/);
    await exp.hears(ada);
    await exp.press('Options for Ada');
    await exp.press('Move to the audience');
    await exp.hearsNothingOf(ada);
    await ada.driver.page.getByRole('button', { name: 'Raise a hand' }).waitFor();
  });

  await t.test('fits a phone, and is dark where the system is', async (t) => {
    const ada = await visitor(t, browser, server, 'Ada', { viewport: { width: 360, height: 700 }, colorScheme: 'dark' });
    const { page } = ada.driver;
    const fits = async () => {
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.ok(width <= 360, `the page is ${width} pixels wide`);
    };
    const brightness = () =>
      page.evaluate('getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((all, it) => all + Number(it), 0)');
    await fits();
    assert.ok((await brightness()) < 200);
    await ada.join(/^General/);
    await fits();
    await ada.press('Network');
    const figure = (name) => page.locator('figure', { hasText: name }).locator('strong');
    await figure('Round trip').filter({ hasText: /^[\d.]+ ms$/ }).waitFor();
    await figure('Bitrate').filter({ hasText: /[1-9]\d* kbit\/s out$/ }).waitFor();
    await fits();
    await ada.press('Close network');
    await ada.press('Back to the rooms');
    await ada.press('Settings');
    await page.getByText('Light', { exact: true }).click();
    assert.ok((await brightness()) > 600);
    await fits();
  });

  await t.test('writes messages and uses the commands of bots', async (t) => {
    const bot = await server.bot('greeter');
    await greeter(t, server, bot);
    const ada = await visitor(t, browser, server, 'Ada');
    const bob = await visitor(t, browser, server, 'Bob');
    for (const person of [ada, bob]) await person.driver.page.getByRole('button', { name: 'general', exact: true }).click();
    const line = ada.driver.page.getByRole('combobox');
    await line.fill('Good evening');
    await line.press('Enter');
    await bob.driver.page.getByText('Good evening').waitFor();
    await line.fill('/gr');
    await ada.driver.page.getByRole('option', { name: /greet/ }).waitFor();
    await line.press('Enter');
    await ada.driver.page.getByLabel('name').fill('Bob');
    await ada.driver.page.keyboard.press('Enter');
    await bob.driver.page.getByText('Hello, Bob!').waitFor();
  });
});

/** Keeps every element that plays. */
function keepPlayed() {
  const { play } = HTMLMediaElement.prototype;
  window.played = [];
  HTMLMediaElement.prototype.play = function () {
    if (this instanceof HTMLAudioElement && !window.played.includes(this)) window.played.push(this);
    return play.call(this);
  };
}

function slowClock() {
  const { now } = Date;
  Date.now = () => now() - 600_000;
}

/** A camera opens once somebody calls `allowCamera`. */
function askForCameras() {
  const open = MediaDevices.prototype.getUserMedia;
  window.cameras = [];
  MediaDevices.prototype.getUserMedia = async function (wish) {
    if (wish.video === undefined) return open.call(this, wish);
    await new Promise((resolve) => (window.allowCamera = resolve));
    const camera = await open.call(this, wish);
    window.cameras.push(...camera.getTracks());
    return camera;
  };
}
