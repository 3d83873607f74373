"""A bot on discord.py that is commanded: `!play HZ` and `/play` bring it to whoever asks. See ../README.md."""

import asyncio
import os

import discord
from discord import app_commands
from discord.ext import commands
from judged import Tone, say

SECONDS = 3
NOT_IN_VOICE = "Join a voice channel first."
GUILD = discord.Object(int(os.environ["GUILD"]))


class Bot(commands.Bot):
    async def setup_hook(self) -> None:
        await self.tree.sync(guild=GUILD)

    async def on_ready(self) -> None:
        say("ready")


bot = Bot(
    command_prefix="!",
    help_command=None,
    intents=discord.Intents(guilds=True, voice_states=True, guild_messages=True, message_content=True),
)


async def play_in(channel: discord.VoiceChannel, hz: int) -> None:
    """Comes, plays, goes; returns when it has begun to play."""
    voice = await channel.connect(timeout=10)
    loop = asyncio.get_running_loop()

    def after(error: Exception | None) -> None:
        asyncio.run_coroutine_threadsafe(voice.disconnect(), loop)
        if error:
            raise error

    voice.play(Tone(hz, SECONDS), after=after)


@bot.command()
async def play(context: commands.Context, hz: int) -> None:
    if context.author.voice is None:
        await context.reply(NOT_IN_VOICE)
        return
    channel = context.author.voice.channel
    await play_in(channel, hz)
    await context.reply(f"Playing {hz} Hz in {channel.name}.")


@bot.tree.command(name="play", guild=GUILD)
@app_commands.describe(hz="How high")
async def slash_play(interaction: discord.Interaction, hz: app_commands.Range[int, 20]) -> None:
    """Plays a tone in your voice channel"""
    if interaction.user.voice is None:
        await interaction.response.send_message(NOT_IN_VOICE, ephemeral=True)
        return
    channel = interaction.user.voice.channel
    await interaction.response.send_message(f"Playing {hz} Hz in {channel.name}.")
    await play_in(channel, hz)


bot.run(os.environ["TOKEN"])
