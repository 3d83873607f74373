// Firefox of the system, driven over WebDriver BiDi, with a camera and a microphone that are not real and a
// loudspeaker that nobody hears.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { until } from './measure.mjs';
import { Person } from './person.mjs';

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // Codecs from elsewhere are not fetched: a test has no network.
  'media.gmp-manager.updateEnabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.update.enabled': false,
  'remote.active-protocols': 1,
};

/**
 * An address of this machine that Firefox pairs: it takes none of loopback. Where there is no other, an interface is
 * made that ends with the test.
 */
export async function outsideAddress(t) {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found !== undefined) return found.address;
  await ip('link', 'add', INTERFACE, 'type', 'dummy');
  t.after(() => ip('link', 'delete', INTERFACE));
  await ip('address', 'add', `${ADDRESS}/32`, 'dev', INTERFACE);
  await ip('link', 'set', INTERFACE, 'up');
  return ADDRESS;
}

const INTERFACE = 'voxhall-test';
/** Of the block for benchmarks (RFC 2544), which leads nowhere. */
const ADDRESS = '198.18.0.1';

async function ip(...args) {
  const child = spawn('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    throw new Error(`this machine has no address but loopback, and ip ${args.join(' ')} failed: give it one, or run as root`);
  }
}

/** Starts the browser; it ends with the test. */
export async function launch(t) {
  const folder = await mkdtemp(join(tmpdir(), 'voxhall-firefox-'));
  const children = [];
  const start = (program, args, env) => {
    const child = spawn(program, args, { env: { ...process.env, HOME: folder, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    child.on('error', (error) => console.error(`${program} cannot be started (${error.message}); scripts/setup test installs it`));
    children.push(child);
    return child;
  };
  t.after(async () => {
    for (const child of children.reverse()) await end(child);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const sound = await loudspeaker(start, folder);
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  await writeFile(join(folder, 'user.js'), `${lines.join('\n')}\n`);
  const args = ['--headless', '--no-remote', '--profile', folder, '--remote-debugging-port', '0', 'about:blank'];
  const firefox = start('firefox-esr', args, sound);
  return Session.connect(await listening(firefox));
}

/** A sound server of the test's own whose sink goes nowhere: Firefox plays nothing without one. */
async function loudspeaker(start, folder) {
  const socket = join(folder, 'sound');
  const modules = ['module-null-sink', `module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
  const args = ['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disable-shm=yes'];
  const child = start('pulseaudio', [...args, ...modules.flatMap((module) => ['-L', module])], { PULSE_RUNTIME_PATH: folder });
  child.stderr.resume();
  const server = `unix:${socket}`;
  await until('the sound server answers', async () => {
    const probe = spawn('pactl', ['--server', server, 'info'], { stdio: 'ignore' });
    const [code] = await once(probe, 'exit');
    return code === 0;
  });
  return { PULSE_SERVER: server };
}

async function listening(firefox) {
  const lines = createInterface({ input: firefox.stderr });
  for await (const line of lines) {
    const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line);
    if (found === null) continue;
    firefox.stderr.resume();
    return found[1];
  }
  throw new Error('Firefox ended before it listened');
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await once(child, 'exit');
  clearTimeout(timer);
}

/** A WebDriver BiDi session. */
class Session {
  #socket;
  #next = 0;
  #waiting = new Map();

  static async connect(address) {
    const session = new Session();
    session.#socket = new WebSocket(`${address}/session`);
    await once(session.#socket, 'open');
    session.#socket.on('message', (text) => session.#answered(JSON.parse(text)));
    await session.call('session.new', { capabilities: {} });
    return session;
  }

  call(method, params) {
    const id = (this.#next += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #answered({ id, type, result, error, message }) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (type === 'success') waiting.resolve(result);
    else waiting.reject(new Error(`${error}: ${message}`));
  }
}

/** Somebody with a window and a storage of their own. */
export async function visitor(session, server, name) {
  const { userContext } = await session.call('browser.createUserContext', {});
  const { context } = await session.call('browsingContext.create', { type: 'window', userContext });
  return new Person(name, new Driver(session, context)).signIn(server.base);
}

/** Finds what somebody who hears the page would find: by the name that is read aloud. */
const FIND = `(selector, source, flags) => {
  const wanted = new RegExp(source, flags);
  const named = (element) => element.getAttribute('aria-label') ?? element.textContent.trim();
  return [...document.querySelectorAll(selector)].find((element) => wanted.test(named(element)));
}`;

class Driver {
  constructor(session, context) {
    this.session = session;
    this.context = context;
  }

  goto(url) {
    return this.session.call('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  async fill(label, text) {
    const field = `(${FIND})('label', ${JSON.stringify(`^${label}`)}, '').querySelector('input')`;
    await until(`the field "${label}"`, () => this.read(`(${field}.focus(), document.activeElement === ${field})`));
    await this.#type([...text]);
  }

  async press(name) {
    if (name === 'Enter') return this.#type(['\uE007']);
    const [source, flags] = name instanceof RegExp ? [name.source, name.flags] : [`^${name}`, ''];
    const button = `(${FIND})('button', ${JSON.stringify(source)}, '${flags}')`;
    await until(`the button ${name}`, () => this.read(`(() => { const it = ${button}; it?.click(); return it !== undefined; })()`));
  }

  async read(expression) {
    const { result, type, exceptionDetails } = await this.session.call('script.evaluate', {
      expression: `(async () => JSON.stringify(await (${expression}) ?? null))()`,
      target: { context: this.context },
      awaitPromise: true,
      userActivation: true,
    });
    if (type === 'exception') throw new Error(exceptionDetails.text);
    return JSON.parse(result.value);
  }

  #type(keys) {
    const actions = keys.flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    return this.session.call('input.performActions', {
      context: this.context,
      actions: [{ type: 'key', id: 'keyboard', actions }],
    });
  }
}
