"""A discord.py bot that plays a tone, and what it must survive. Run with: pytest examples"""

import asyncio
import contextlib
import math
import struct
from collections.abc import AsyncIterator

import discord
from voxhall_testkit import Account, Voxhall
from voxhall_testkit.discordpy import client_options

FRAME = 960


class Tone(discord.AudioSource):
    """440 Hz without end, as 16-bit stereo PCM in frames of 20 ms."""

    def __init__(self) -> None:
        # 20 ms hold 8.8 periods, so five frames begin where the first one did.
        wave = (round(12_000 * math.sin(math.tau * 440 * i / 48_000)) for i in range(5 * FRAME))
        pcm = b"".join(struct.pack("<hh", sample, sample) for sample in wave)
        self.frames = [pcm[i : i + FRAME * 4] for i in range(0, len(pcm), FRAME * 4)]
        self.next = 0

    def read(self) -> bytes:
        self.next += 1
        return self.frames[self.next % 5]


async def keep_playing(voice: discord.VoiceClient) -> None:
    """Plays the tone again whenever it ends: discord.py gives up playing at times when it leaves and joins again."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    while True:
        if voice.is_connected():
            ended.clear()
            # A player that gave up still counts as playing.
            voice.stop()
            voice.play(Tone(), after=lambda _error: loop.call_soon_threadsafe(ended.set))
            await ended.wait()
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def tone_bot(voxhall: Voxhall) -> AsyncIterator[Account]:
    """The bot under test: logs in, joins the channel and plays."""
    account = voxhall.bot("tone")
    bot = discord.Client(intents=discord.Intents(guilds=True, voice_states=True), **client_options(voxhall))
    running = asyncio.create_task(bot.start(account.token))
    playing = None
    try:
        while not bot.is_ready():
            await asyncio.sleep(0.02)
            if running.done():
                running.result()
        voice = await bot.get_channel(voxhall.channel).connect(timeout=10)
        playing = asyncio.create_task(keep_playing(voice))
        yield account
    finally:
        if playing is not None:
            playing.cancel()
        await bot.close()
        running.cancel()


async def test_is_heard(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        assert await voxhall.heard(bot) > -30


async def test_goes_on_after_its_voice_socket_is_closed(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        assert await voxhall.heard(bot) > -30
        # As over a real network: discord.py misses what answers it faster than it begins to listen.
        voxhall.faults(bot).datagrams(delay_ms=20)
        for code in (4006, 4009, 4015, None):
            voxhall.faults(bot).close_voice(code)
            # After most codes the library waits a little, leaves the channel and joins again.
            await asyncio.sleep(3)
            await voxhall.connected(bot)
            assert await voxhall.heard(bot) > -30


async def test_is_heard_by_the_same_listener_after_the_media_worker_crashed(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        assert await voxhall.heard(bot) > -30
        voxhall.faults(bot).crash_worker()
        await asyncio.sleep(1)
        assert await voxhall.heard(bot) > -30


async def test_survives_the_loss_of_every_tenth_packet(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        voxhall.faults(bot).datagrams("up", drop=10, seed=1)
        assert await voxhall.heard(bot, window=2) > -30


async def test_waits_for_a_voice_server_that_was_taken_away(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        assert await voxhall.heard(bot) > -30
        voxhall.faults(bot).datagrams(delay_ms=20)
        voxhall.faults(bot).take_voice_server(for_ms=2000)
        await asyncio.sleep(2)
        await voxhall.connected(bot)
        assert await voxhall.heard(bot) > -30


async def test_plays_on_while_its_gateway_socket_is_lost(voxhall: Voxhall) -> None:
    async with tone_bot(voxhall) as bot:
        before = voxhall.client(bot)["sessions"][0]["session_id"]
        voxhall.faults(bot).close_gateway(4000)
        assert await voxhall.heard(bot, window=2) > -30
        assert voxhall.client(bot)["sessions"][0]["session_id"] == before, "it resumes"
