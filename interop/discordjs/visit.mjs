// A bot on discord.js: joins, plays a tone, listens, moves, plays again, leaves. See ../README.md for the contract.
import { Client, Events, GatewayIntentBits } from 'discord.js';
import {
  AudioPlayerStatus, EndBehaviorType, VoiceConnectionStatus, createAudioPlayer, entersState, joinVoiceChannel,
} from '@discordjs/voice';
import OpusScript from 'opusscript';
import { GUILD, REST, TOKEN, fail, say } from './judged.mjs';
import { RATE, level, track } from './sound.mjs';

const { CHANNEL, SECOND_CHANNEL } = process.env;
const TONE_HZ = Number(process.env.TONE_HZ);
const LISTEN_HZ = Number(process.env.LISTEN_HZ);

async function play(player, seconds) {
  player.play(track(TONE_HZ, seconds));
  await entersState(player, AudioPlayerStatus.Playing, 5_000);
  await entersState(player, AudioPlayerStatus.Idle, (seconds + 10) * 1_000);
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
  rest: REST,
});
client.once(Events.ClientReady, () => main(client).then(() => process.exit(0), fail));
client.login(TOKEN).catch(fail);
