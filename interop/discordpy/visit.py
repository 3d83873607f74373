"""A bot on discord.py: joins, plays a tone, moves, plays again, leaves. See ../README.md for the contract."""

import asyncio
import os

import discord
from judged import Tone, say

TONE_HZ = float(os.environ["TONE_HZ"])


async def play(voice: discord.VoiceClient, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def after(error: Exception | None) -> None:
        loop.call_soon_threadsafe(ended.set_exception if error else ended.set_result, error)

    voice.play(Tone(TONE_HZ, seconds), after=after)
    await asyncio.wait_for(ended, seconds + 10)


async def wait_for_channel(voice: discord.VoiceClient, channel_id: int) -> None:
    """Waits until the library has followed the move and is connected again."""
    async with asyncio.timeout(10):
        while voice.channel.id != channel_id or not voice.is_connected():
            await asyncio.sleep(0.05)


async def run(bot: discord.Client) -> None:
    voice = await bot.get_channel(int(os.environ["CHANNEL"])).connect(timeout=10, reconnect=False)
    say("joined")
    await play(voice, 5)
    say("played")
    second = int(os.environ["SECOND_CHANNEL"])
    await voice.move_to(bot.get_channel(second), timeout=10)
    await wait_for_channel(voice, second)
    await play(voice, 1)
    say("moved")
    await voice.disconnect()
    await bot.close()
    say("left")


def main() -> None:
    bot = discord.Client(intents=discord.Intents(guilds=True, voice_states=True))
    failure: list[BaseException] = []

    @bot.event
    async def on_ready() -> None:
        try:
            await run(bot)
        except Exception as error:
            failure.append(error)
            await bot.close()

    bot.run(os.environ["TOKEN"])
    if failure:
        raise SystemExit(f"{type(failure[0]).__name__}: {failure[0]}")


main()
