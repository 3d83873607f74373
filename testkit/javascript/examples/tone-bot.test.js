// A discord.js bot that plays a tone, and what it must survive. Run with: node --test
import assert from 'node:assert/strict';
import test from 'node:test';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Events, GatewayIntentBits } from 'discord.js';
import {
  StreamType, VoiceConnectionStatus, createAudioPlayer, createAudioResource, entersState, joinVoiceChannel,
} from '@discordjs/voice';
import { voxhall } from '../index.js';

// 440 Hz without end, as 16-bit stereo PCM in frames of 20 ms.
function tone() {
  let sample = 0;
  return new Readable({
    read() {
      const pcm = Buffer.alloc(960 * 4);
      for (let i = 0; i < 960; i++, sample++) {
        const level = Math.round(12_000 * Math.sin((2 * Math.PI * 440 * sample) / 48_000));
        pcm.writeInt16LE(level, i * 4);
        pcm.writeInt16LE(level, i * 4 + 2);
      }
      this.push(pcm);
    },
  });
}

// The bot under test: logs in, joins the channel and plays.
async function toneBot(t) {
  // The bot ends before its server does: what is to be done after a test is done in the order in which it was said.
  const ends = [];
  t.after(async () => { for (const end of ends.reverse()) await end(); });
  const server = await voxhall(t);
  const bot = await server.bot('tone');
  const intents = [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates];
  const client = new Client({ intents, rest: { api: server.api } });
  ends.push(() => client.destroy());
  const ready = new Promise((resolve) => { client.once(Events.ClientReady, resolve); });
  await client.login(bot.token);
  await ready;
  const guild = client.guilds.cache.get(server.guild);
  const connection = joinVoiceChannel({
    guildId: guild.id, channelId: server.channel, adapterCreator: guild.voiceAdapterCreator,
  });
  ends.push(() => connection.destroy());
  await entersState(connection, VoiceConnectionStatus.Ready, 10_000);
  const player = createAudioPlayer();
  ends.push(() => player.stop(true));
  connection.subscribe(player);
  player.play(createAudioResource(tone(), { inputType: StreamType.Raw }));
  return { server, bot };
}

test('is heard', async (t) => {
  const { server, bot } = await toneBot(t);
  assert.ok(await server.heard(bot) > -30);
});

test('goes on after its voice socket is closed', async (t) => {
  const { server, bot } = await toneBot(t);
  for (const code of [4015, undefined]) {
    await server.faults(bot).closeVoice(code);
    await sleep(500);
    await server.connected(bot);
    assert.ok(await server.heard(bot) > -30, `after ${code}`);
  }
});

test('survives the loss of every tenth packet', async (t) => {
  const { server, bot } = await toneBot(t);
  await server.faults(bot).datagrams({ direction: 'up', drop: 10, seed: 1 });
  assert.ok(await server.heard(bot, { window: 2000 }) > -30);
});

test('waits for a voice server that was taken away', async (t) => {
  const { server, bot } = await toneBot(t);
  await server.faults(bot).takeVoiceServer(2000);
  await sleep(2000);
  await server.connected(bot);
  assert.ok(await server.heard(bot) > -30);
});

test('plays on while its gateway socket is lost', async (t) => {
  const { server, bot } = await toneBot(t);
  const before = (await server.client(bot)).sessions[0].session_id;
  await server.faults(bot).closeGateway(4000);
  assert.ok(await server.heard(bot, { window: 2000 }) > -30);
  assert.equal((await server.client(bot)).sessions[0].session_id, before, 'it resumes');
});
