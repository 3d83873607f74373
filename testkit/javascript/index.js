// Test voice bots against a Voxhall server that fails when it is told to. See README.md; types are in index.d.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

const START_TIMEOUT = 30_000;
const STOP_TIMEOUT = 10_000;

/** The level of digital silence, in dBFS. */
export const SILENCE = -120;

const program = () => process.env.VOXHALL_BIN ?? 'voxhall';

/** Starts a server on free ports, and stops it when the test `t` of node:test is over. */
export async function voxhall(t, ...args) {
  const server = await Voxhall.start(...args);
  t.after(() => server.stop());
  return server;
}

/** A development server in a process of its own. */
export class Voxhall {
  #children = [];
  #admin;
  #log;
  #listener;

  static async start(...args) {
    const server = new Voxhall();
    try {
      await server.#start(args);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #start(args) {
    this.folder = await mkdtemp(join(tmpdir(), 'voxhall-'));
    this.#log = createWriteStream(join(this.folder, 'log'));
    await once(this.#log, 'open');
    const ports = ['--listen=127.0.0.1:0', '--voice-listen=127.0.0.1:0', '--media-port=0', '--workers=1'];
    const child = this.#spawn('ignore', 'serve', '--dev', '--state', this.folder, ...ports, ...args);
    const world = await this.#read(child, 'dev.json');
    const place = await this.#read(child, 'server.json');
    this.#admin = place.admin_token;
    // Test programs on loopback need no TLS, and the port speaks plain text as well.
    this.base = world.api.replace(/^https:/, 'http:').replace(/\/api$/, '');
    this.api = `${this.base}/api`;
    this.ca = world.ca;
    this.guild = world.guild_id;
    [this.channel] = world.voice_channels;
    this.channels = world.voice_channels;
    this.textChannel = world.text_channel;
    this.people = world.users;
    trust(await readFile(world.ca, 'utf8'));
  }

  /** Ends everything that was started, by its process id. */
  async stop() {
    const running = this.#children.filter((child) => child.exitCode === null && child.signalCode === null);
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(running.map(async (child) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      clearTimeout(timer);
    }));
    this.#log?.end();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }

  /** What the server has logged. */
  log() {
    return readFile(join(this.folder, 'log'), 'utf8');
  }

  /** Makes a bot that is a member of the guild and may ask for every intent. */
  bot(name = 'bot') {
    return this.#account({ name, bot: true, privileged_intents: true });
  }

  /** Makes a person who is a member of the guild. */
  user(name = 'user') {
    return this.#account({ name });
  }

  /** Makes a voice channel; gives its id. */
  async voiceChannel(name = 'voice') {
    return (await this.operate('POST', `/admin/guilds/${this.guild}/channels`, { name, type: 2 })).id;
  }

  /** Sets faults for a bot. */
  faults(bot) {
    return new Faults(this, bot);
  }

  /** Where a bot is connected: its `sessions` on the main Gateway and its `voice` connections. */
  client(bot) {
    return this.operate('GET', `/dev/users/${bot.id}`);
  }

  /** Waits until the bot's voice connection is there (again). */
  async connected(bot, timeout = 15_000) {
    const end = Date.now() + timeout;
    for (;;) {
      const { voice } = await this.client(bot);
      if (voice.some(({ link }) => link === 'connected')) return;
      if (Date.now() > end) {
        throw new Error(`${bot.name} has no voice connection after ${timeout} ms; its state is ${JSON.stringify(voice)}`);
      }
      await sleep(50);
    }
  }

  /** Sends a listener into a voice channel. */
  async listen(channel = this.channel) {
    const token = 'voxhall-testkit-ears';
    const child = this.#spawn('pipe', 'listen', channel, '--json', '--frames', '--token', token, '--state', this.folder);
    const listener = new Listener(child);
    await listener.joined;
    return listener;
  }

  /** Plays a WAV or Ogg Opus file in a voice channel, over and over, until the server is stopped. */
  speak(file, channel = this.channel) {
    const token = 'voxhall-testkit-voice';
    this.#spawn('ignore', 'play', file, '--repeat', '--channel', channel, '--token', token, '--state', this.folder);
  }

  /**
   * How loud the bot is, in dBFS: waits until `window` ms of it were heard from now on, at most `within` ms.
   * The first call sends a listener into `channel`.
   */
  async heard(bot, { window = 1000, within = 15_000 } = {}) {
    this.#listener ??= this.listen();
    return (await this.#listener).level(bot, window, within);
  }

  /** A REST request of an account, for example `request('GET', '/users/@me', bot)`. */
  request(method, path, account, body) {
    return this.#request(method, `/api/v10${path}`, account.token, body);
  }

  /** A request of the operator, below `/admin` or `/dev`. */
  operate(method, path, body) {
    return this.#request(method, path, this.#admin, body);
  }

  async #request(method, path, token, body) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  async #account(wanted) {
    const { id } = await this.operate('POST', '/admin/users', wanted);
    const { token } = await this.operate('POST', `/admin/users/${id}/tokens`);
    await this.operate('PUT', `/admin/guilds/${this.guild}/members/${id}`);
    return { id, name: wanted.name, token };
  }

  #spawn(stdout, ...args) {
    const child = spawn(program(), args, { stdio: ['ignore', stdout, this.#log] });
    child.on('error', (error) => {
      child.failure = new Error(`${program()} cannot be started (${error.message}); name it with VOXHALL_BIN`);
    });
    this.#children.push(child);
    return child;
  }

  async #read(child, name) {
    const end = Date.now() + START_TIMEOUT;
    for (;;) {
      try {
        return JSON.parse(await readFile(join(this.folder, name), 'utf8'));
      } catch {
        if (child.failure) throw child.failure;
        if (child.exitCode !== null || Date.now() > end) {
          throw new Error(`the server did not come up:\n${await this.log()}`);
        }
        await sleep(20);
      }
    }
  }
}

/** What goes wrong on purpose for one bot. Times are in milliseconds. */
export class Faults {
  #server;
  #path;

  constructor(server, bot) {
    this.#server = server;
    this.#path = `/dev/users/${bot.id}`;
  }

  datagrams(wanted) { return this.#ask('PUT', '/voice/datagrams', wanted); }
  healDatagrams(direction = 'both') { return this.#ask('DELETE', `/voice/datagrams?direction=${direction}`); }
  closeVoice(code, reason = '') { return this.#ask('POST', '/voice/close', { code, reason }); }
  withholdVoiceAcks(forMs) { return this.#ask('PUT', '/voice/heartbeats', { for_ms: forMs }); }
  refuseVoiceResumes(times = 1) { return this.#ask('PUT', '/voice/resume', { times }); }
  move(endpoint) { return this.#ask('POST', '/voice/move', { endpoint }); }
  takeVoiceServer(forMs = 1000) { return this.#ask('POST', '/voice/away', { for_ms: forMs }); }
  expireVoiceToken() { return this.#ask('POST', '/voice/expire'); }
  crashWorker() { return this.#ask('POST', '/voice/crash'); }
  closeGateway(code, reason = '') { return this.#ask('POST', '/gateway/close', { code, reason }); }
  withholdGatewayAcks(forMs) { return this.#ask('PUT', '/gateway/heartbeats', { for_ms: forMs }); }
  refuseGatewayResumes(times = 1) { return this.#ask('PUT', '/gateway/resume', { times }); }
  dropDispatch(name, times = 1) { return this.#ask('PUT', `/gateway/dispatches/${name}`, { times }); }
  delayDispatch(name, delayMs, times = 1) {
    return this.#ask('PUT', `/gateway/dispatches/${name}`, { delay_ms: delayMs, times });
  }
  expireToken(forMs) { return this.#ask('PUT', '/token', { for_ms: forMs }); }
  acceptToken() { return this.#ask('DELETE', '/token'); }
  clear() { return this.#ask('DELETE', '/faults'); }

  #ask(method, path, body) {
    return this.#server.operate(method, this.#path + path, body);
  }
}

/** A client in a voice channel that keeps what it hears. */
export class Listener {
  #lines = [];
  #child;

  constructor(child) {
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    this.joined = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        this.#lines.push(JSON.parse(line));
        resolve();
      });
      lines.on('close', () => reject(new Error("the listener has ended; the server's log says why")));
    });
  }

  /** Every window in which the bot was heard, oldest first. */
  heard(bot, sinceMs = 0) {
    const told = this.#of('heard', bot).filter(({ at_ms: at }) => at >= sinceMs);
    return told.map(({ at_ms: atMs, window_ms: windowMs, ssrc, level, packets, lost, frames }) => ({
      atMs, windowMs, ssrc, level, packets, lost, frames: frames.map((frame) => Buffer.from(frame, 'hex')),
    }));
  }

  /** When the bot began (true) and ceased (false) to speak, by its packets. */
  speaking(bot) {
    return this.#of('speaking', bot).map(({ speaking }) => speaking);
  }

  /** What the main Gateway told of the bot's voice state. */
  voiceStates(bot) {
    const told = this.#lines.filter(({ name }) => name === 'VOICE_STATE_UPDATE');
    return told.map(({ data }) => data).filter((state) => state.user_id === bot.id);
  }

  /** See `Voxhall.heard`. */
  async level(bot, window, within) {
    const [since, end] = [Date.now(), Date.now() + within];
    for (;;) {
      const heard = this.heard(bot, since).filter(({ packets }) => packets > 0);
      const length = heard.reduce((sum, { windowMs }) => sum + windowMs, 0);
      if (length >= window || Date.now() > end) return meanLevel(heard);
      if (this.#child.exitCode !== null) throw new Error("the listener has ended; the server's log says why");
      await sleep(50);
    }
  }

  #of(event, bot) {
    return this.#lines.filter((line) => line.event === event && line.user === bot.id);
  }
}

function meanLevel(heard) {
  if (heard.length === 0) return SILENCE;
  const power = heard.reduce((sum, { level }) => sum + 10 ** (level / 10), 0) / heard.length;
  return Math.max(SILENCE, 10 * Math.log10(power));
}

// Clients insist on wss:// for voice, and offer no option for a certificate. What NODE_EXTRA_CA_CERTS does at the
// start of a process, this does later.
function trust(certificate) {
  const createSecureContext = tls.createSecureContext;
  tls.createSecureContext = (options) => {
    const made = createSecureContext(options);
    if (!options?.ca) made.context.addCACert(certificate);
    return made;
  };
}
