"""What is heard in a voice channel, from ``voxhall listen --json``."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Account

SILENCE = -120.0
"""The level of digital silence, in dBFS."""
JOIN_TIMEOUT = 20.0


@dataclass(frozen=True)
class Heard:
    """What one account sent within one window."""

    user: int
    at_ms: int
    """When the window ended, in Unix milliseconds."""
    window_ms: int
    ssrc: int | None
    """The source of the last packet."""
    level: float
    """RMS of both channels in dBFS."""
    packets: int
    lost: int
    """Packets that never came, by the numbers of those that did."""
    frames: list[bytes]
    """The Opus packets."""


class Listener:
    """A client in a voice channel that keeps what it hears."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[dict[str, Any]] = []
        self._joined = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._joined.wait(JOIN_TIMEOUT):
            raise TimeoutError("the listener did not get into its channel; the server's log says more")
        if not self._lines:
            raise RuntimeError("the listener ended before it was in its channel; the server's log says why")

    def heard(self, bot: Account, since_ms: int = 0) -> list[Heard]:
        """Every window in which the bot was heard, oldest first."""
        lines = [line for line in self._of("heard", bot.id) if line["at_ms"] >= since_ms]
        return [
            Heard(
                user=bot.id,
                at_ms=line["at_ms"],
                window_ms=line["window_ms"],
                ssrc=line["ssrc"],
                level=line["level"],
                packets=line["packets"],
                lost=line["lost"],
                frames=[bytes.fromhex(frame) for frame in line["frames"]],
            )
            for line in lines
        ]

    def speaking(self, bot: Account) -> list[bool]:
        """When the bot began (true) and ceased (false) to speak, by its packets."""
        return [line["speaking"] for line in self._of("speaking", bot.id)]

    def voice_states(self, bot: Account) -> list[dict[str, Any]]:
        """What the main Gateway told of the bot's voice state."""
        told = [line["data"] for line in list(self._lines) if line.get("name") == "VOICE_STATE_UPDATE"]
        return [state for state in told if state["user_id"] == str(bot.id)]

    async def level(self, bot: Account, window: float = 1.0, within: float = 15.0) -> float:
        """See :meth:`Voxhall.heard`."""
        since, end = int(time.time() * 1000), time.monotonic() + within
        while True:
            heard = self.heard(bot, since)
            loud = [it for it in heard if it.packets > 0]
            if sum(it.window_ms for it in loud) >= window * 1000 or time.monotonic() > end:
                return mean_level(loud)
            if self._process.poll() is not None:
                raise RuntimeError("the listener has ended; the server's log says why")
            await asyncio.sleep(0.05)

    def _of(self, event: str, user: int) -> list[dict[str, Any]]:
        return [line for line in list(self._lines) if line["event"] == event and line["user"] == str(user)]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(json.loads(line))
            self._joined.set()
        self._joined.set()


def mean_level(heard: list[Heard]) -> float:
    """The level of several windows together, in dBFS."""
    if not heard:
        return SILENCE
    power = sum(10 ** (it.level / 10) for it in heard) / len(heard)
    return max(SILENCE, 10 * math.log10(power))
