"""The bots' side of the contract in ../README.md, and what they play."""

import json
import math
import os
import struct

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

RATE = 48_000
FRAME = RATE // 50

BASE = os.environ["BASE"]

# The library offers no option for another server; these two class attributes are its only addresses.
Route.BASE = f"{BASE}/api/v10"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(BASE.replace("http", "ws", 1))


def say(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


class Tone(discord.AudioSource):
    """A sine wave of so many seconds, as 16-bit stereo PCM in frames of 20 ms."""

    def __init__(self, hz: float, seconds: float) -> None:
        self.hz = hz
        self.left = int(seconds * 50)
        self.sample = 0

    def read(self) -> bytes:
        if self.left == 0:
            return b""
        self.left -= 1
        start, self.sample = self.sample, self.sample + FRAME
        wave = (round(12_000 * math.sin(2 * math.pi * self.hz * (start + i) / RATE)) for i in range(FRAME))
        return b"".join(struct.pack("<hh", sample, sample) for sample in wave)
