// A bot on discord.js: joins, plays a tone, listens, moves, plays again, leaves. See ../README.md for the contract.
import { Client, Events, GatewayIntentBits } from 'discord.js';
import {
  AudioPlayerStatus, EndBehaviorType, StreamType, VoiceConnectionStatus,
  createAudioPlayer, createAudioResource, entersState, joinVoiceChannel,
} from '@discordjs/voice';
import OpusScript from 'opusscript';
import { Readable } from 'node:stream';

const RATE = 48_000;
const FRAME = RATE / 50;
const { BASE, TOKEN, GUILD, CHANNEL, SECOND_CHANNEL } = process.env;
const TONE_HZ = Number(process.env.TONE_HZ);
const LISTEN_HZ = Number(process.env.LISTEN_HZ);

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

function tone(hz, seconds) {
  let frame = 0;
  return new Readable({
    read() {
      if (frame >= seconds * 50) return void this.push(null);
      const pcm = Buffer.alloc(FRAME * 4);
      for (let i = 0; i < FRAME; i++) {
        const sample = Math.round(12_000 * Math.sin((2 * Math.PI * hz * (frame * FRAME + i)) / RATE));
        pcm.writeInt16LE(sample, i * 4);
        pcm.writeInt16LE(sample, i * 4 + 2);
      }
      frame += 1;
      this.push(pcm);
    },
  });
}

async function play(player, seconds) {
  player.play(createAudioResource(tone(TONE_HZ, seconds), { inputType: StreamType.Raw }));
  await entersState(player, AudioPlayerStatus.Playing, 5_000);
  await entersState(player, AudioPlayerStatus.Idle, (seconds + 10) * 1_000);
}

// dBFS of one frequency in interleaved stereo PCM (Goertzel on the left channel).
function level(pcm, hz) {
  const samples = pcm.length / 4;
  const step = 2 * Math.cos((2 * Math.PI * hz) / RATE);
  let [a, b] = [0, 0];
  for (let i = 0; i < samples; i++) [a, b] = [pcm.readInt16LE(i * 4) / 32_768 + step * a - b, a];
  const amplitude = (2 * Math.sqrt(Math.max(0, a * a + b * b - step * a * b))) / samples;
  return 20 * Math.log10(Math.max(amplitude, 1e-9));
}

// Decodes whoever speaks until a second of sound is there, then tells how loud the expected tone is in it.
function listen(connection) {
  const decoder = new OpusScript(RATE, 2, OpusScript.Application.AUDIO);
  const heard = [];
  return new Promise((resolve) => {
    connection.receiver.speaking.on('start', (user) => {
      const stream = connection.receiver.subscribe(user, { end: { behavior: EndBehaviorType.Manual } });
      stream.on('data', (packet) => {
        if (packet.length > 3) heard.push(Buffer.from(decoder.decode(packet)));
        if (heard.length === 50) {
          stream.destroy();
          resolve(level(Buffer.concat(heard), LISTEN_HZ));
        }
      });
    });
  });
}

function join(guild, channelId) {
  return joinVoiceChannel({
    guildId: guild.id, channelId, selfDeaf: false, selfMute: false, adapterCreator: guild.voiceAdapterCreator,
  });
}

async function main(client) {
  const guild = client.guilds.cache.get(GUILD);
  const connection = join(guild, CHANNEL);
  await entersState(connection, VoiceConnectionStatus.Ready, 10_000);
  say('joined');

  const player = createAudioPlayer();
  connection.subscribe(player);
  const listening = listen(connection);
  await play(player, 5);
  say('played');
  say('heard', { level: await listening });

  const moved = new Promise((resolve) => {
    connection.on('stateChange', (before, after) => {
      if (before.status !== after.status && after.status === VoiceConnectionStatus.Ready) resolve();
    });
  });
  join(guild, SECOND_CHANNEL);
  await moved;
  await play(player, 1);
  say('moved');

  connection.destroy();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await client.destroy();
  say('left');
}

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: `${BASE}/api` },
});
client.once(Events.ClientReady, () => main(client).then(() => process.exit(0), fail));
client.login(TOKEN).catch(fail);

function fail(error) {
  console.error(error);
  process.exit(1);
}
