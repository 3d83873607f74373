// A music queue on discord.js, written as such bots are: it plays its tracks in turn, for ever, and comes back from
// whatever happens to its connection. See ../README.md.
import { Client, Events, GatewayIntentBits } from 'discord.js';
import {
  AudioPlayerStatus, VoiceConnectionStatus, createAudioPlayer, entersState, joinVoiceChannel,
} from '@discordjs/voice';
import { setTimeout as sleep } from 'node:timers/promises';
import { GUILD, REST, TOKEN, fail, say } from './judged.mjs';
import { track } from './sound.mjs';

const { CHANNEL } = process.env;
const TRACKS = process.env.TRACKS.split(',').map(Number);
const TRACK_SECONDS = Number(process.env.TRACK_SECONDS);
// How long the library may show nothing of a new server after it was sent away.
const MOVE_MS = 5_000;
// How long it may take from then on.
const READY_MS = 15_000;
// How long to wait before an attempt that could not even be sent.
const RETRY_MS = 500;

class MusicQueue {
  #position = 0;
  #player = createAudioPlayer();
  #connecting = false;

  constructor(connection) {
    this.connection = connection;
    connection.subscribe(this.#player);
    connection.on('stateChange', (before, after) => this.#follow(before, after));
    connection.on('error', (error) => say('error', { message: error.message }));
    this.#player.on('error', (error) => say('error', { message: error.message }));
    this.#player.on('stateChange', (before, after) => {
      if (after.status === AudioPlayerStatus.Playing && before.status === AudioPlayerStatus.Buffering) {
        say('track', after.resource.metadata);
      }
    });
    this.#player.on(AudioPlayerStatus.Idle, () => this.advance());
  }

  advance() {
    const hz = TRACKS[this.#position++ % TRACKS.length];
    this.#player.play(track(hz, TRACK_SECONDS));
  }

  #follow(before, after) {
    if (before.status === after.status) return;
    say('voice', { status: after.status, reason: after.reason, code: after.closeCode });
    if (after.status === VoiceConnectionStatus.Disconnected) void this.#followOrRejoin();
    else if (after.status !== VoiceConnectionStatus.Ready) void this.#insistOnReady();
  }

  // Moved, or given another server: then the library connects by itself. Otherwise the bot was sent away.
  async #followOrRejoin() {
    try {
      await Promise.race([
        entersState(this.connection, VoiceConnectionStatus.Signalling, MOVE_MS),
        entersState(this.connection, VoiceConnectionStatus.Connecting, MOVE_MS),
      ]);
    } catch {
      await this.#rejoin();
    }
  }

  async #insistOnReady() {
    if (this.#connecting) return;
    this.#connecting = true;
    while (this.connection.state.status !== VoiceConnectionStatus.Ready) {
      try {
        await entersState(this.connection, VoiceConnectionStatus.Ready, READY_MS);
      } catch {
        await this.#rejoin();
      }
    }
    this.#connecting = false;
  }

  // Nothing can be sent while the main Gateway is away.
  async #rejoin() {
    while (!this.connection.rejoin()) await sleep(RETRY_MS);
  }
}

const client = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates], rest: REST });
client.on(Events.ShardReconnecting, () => say('gateway', { status: 'reconnecting' }));
client.on(Events.ShardResume, () => say('gateway', { status: 'resumed' }));
client.on(Events.ShardReady, () => say('gateway', { status: 'ready' }));
client.on(Events.ShardError, (error) => say('error', { message: error.message }));
client.once(Events.ClientReady, () => {
  const guild = client.guilds.cache.get(GUILD);
  const queue = new MusicQueue(joinVoiceChannel({
    guildId: guild.id, channelId: CHANNEL, adapterCreator: guild.voiceAdapterCreator,
  }));
  queue.advance();
});
process.on('unhandledRejection', fail);
client.login(TOKEN).catch(fail);
