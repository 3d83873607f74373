// Headless Chromium of the system, with a camera and a microphone that are not real.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { Person } from './person.mjs';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The microphone beeps, the camera shows a moving shape, a screen is chosen without asking.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-accept-this-tab-capture',
  '--autoplay-policy=no-user-gesture-required',
  // Pages that are not in front must go on at full speed: there are two of them.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** Starts a browser that ends with the test. */
export async function launch(t, ...flags) {
  const executablePath = PATHS.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) throw new Error('Chromium is missing; scripts/setup test installs it');
  const browser = await chromium.launch({ executablePath, headless: true, args: [...FLAGS, ...flags] });
  t.after(() => browser.close());
  return browser;
}

/**
 * Somebody with a browser profile of their own. What goes wrong in the page fails the test. A function in `before` is run
 * in the page before the page's own script.
 */
export async function visitor(t, browser, server, name, { before, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
  const page = await context.newPage();
  if (before !== undefined) await page.addInitScript(before);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) errors.push(message.text());
  });
  t.after(async () => {
    await context.close();
    if (errors.length > 0) throw new Error(`the page of ${name} failed: ${errors.join('; ')}`);
  });
  return new Person(name, new Driver(page)).signIn(server.base);
}

class Driver {
  constructor(page) {
    this.page = page;
  }

  goto(address) {
    return this.page.goto(address);
  }

  fill(label, text) {
    return this.page.getByLabel(label, { exact: true }).fill(text);
  }

  /** Presses the button of this name, as somebody who reads the screen finds it. */
  press(name) {
    return this.page.getByRole('button', { name }).first().click({ timeout: 30_000 });
  }

  choose(label, option) {
    return this.page.getByLabel(label).selectOption(option);
  }

  read(expression) {
    return this.page.evaluate(expression);
  }

  reload() {
    return this.page.reload();
  }

  /** The browser's tab dies, and nobody says goodbye. */
  async kill() {
    const session = await this.page.context().newCDPSession(this.page);
    session.send('Page.crash').catch(() => {});
    await this.page.waitForEvent('crash', { timeout: 10_000 });
  }
}
