// A bot on discord.js that is commanded: `!play HZ` and `/play` bring it to whoever asks. See ../README.md.
import { Client, Events, GatewayIntentBits, SlashCommandBuilder } from 'discord.js';
import { AudioPlayerStatus, VoiceConnectionStatus, createAudioPlayer, entersState, joinVoiceChannel } from '@discordjs/voice';
import { GUILD, REST, TOKEN, fail, say } from './judged.mjs';
import { track } from './sound.mjs';

const SECONDS = 3;
const NOT_IN_VOICE = 'Join a voice channel first.';

const playCommand = new SlashCommandBuilder()
  .setName('play')
  .setDescription('Plays a tone in your voice channel')
  .addIntegerOption((option) => option.setName('hz').setDescription('How high').setRequired(true).setMinValue(20));

// Comes, plays, goes; resolves when it has begun to play.
async function playIn(channel, hz) {
  const connection = joinVoiceChannel({
    guildId: channel.guild.id, channelId: channel.id, adapterCreator: channel.guild.voiceAdapterCreator,
  });
  await entersState(connection, VoiceConnectionStatus.Ready, 10_000);
  const player = createAudioPlayer();
  connection.subscribe(player);
  player.play(track(hz, SECONDS));
  await entersState(player, AudioPlayerStatus.Playing, 5_000);
  player.once(AudioPlayerStatus.Idle, () => connection.destroy());
}

const client = new Client({
  intents: [
    GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates,
    GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent,
  ],
  rest: REST,
});

client.on(Events.MessageCreate, async (message) => {
  const hz = Number(/^!play (\d+)$/.exec(message.content)?.[1]);
  if (!hz) return;
  const channel = message.member.voice.channel;
  if (!channel) return void message.reply(NOT_IN_VOICE);
  await playIn(channel, hz);
  await message.reply(`Playing ${hz} Hz in ${channel.name}.`);
});

client.on(Events.InteractionCreate, async (interaction) => {
  if (!interaction.isChatInputCommand() || interaction.commandName !== 'play') return;
  const channel = interaction.member.voice.channel;
  if (!channel) return void interaction.reply(NOT_IN_VOICE);
  await interaction.deferReply();
  const hz = interaction.options.getInteger('hz', true);
  await playIn(channel, hz);
  await interaction.editReply(`Playing ${hz} Hz in ${channel.name}.`);
});

client.once(Events.ClientReady, async () => {
  await client.application.commands.create(playCommand, GUILD);
  say('ready');
});
process.on('unhandledRejection', fail);
client.login(TOKEN).catch(fail);
