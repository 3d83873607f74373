"""What goes wrong on purpose for one bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .server import Account, Voxhall

Direction = Literal["up", "down", "both"]


class Faults:
    """Sets faults for one bot. Those of voice need a bot that is in a voice channel.

    Times are in milliseconds. A fault without ``for_ms`` stands until it is taken back or :meth:`clear` is called.
    """

    def __init__(self, server: Voxhall, bot: Account) -> None:
        self._server = server
        self._path = f"/dev/users/{bot.id}"

    def datagrams(
        self,
        direction: Direction = "both",
        *,
        drop: float = 0,
        duplicate: float = 0,
        corrupt: float = 0,
        delay_ms: int = 0,
        jitter_ms: int = 0,
        bits_per_second: int | None = None,
        queue_ms: int = 200,
        seed: int = 0,
        for_ms: int | None = None,
    ) -> None:
        """Loses, doubles or damages so many per cent of the bot's UDP datagrams, and delays all of them.

        With ``bits_per_second`` no more than that passes; the rest waits up to ``queue_ms`` and is lost then.
        """
        shares = {"drop": drop, "duplicate": duplicate, "corrupt": corrupt}
        times = {"delay_ms": delay_ms, "jitter_ms": jitter_ms, "seed": seed, "for_ms": for_ms}
        narrow = {"bits_per_second": bits_per_second, "queue_ms": queue_ms}
        self._ask("PUT", "/voice/datagrams", {"direction": direction, **shares, **times, **narrow})

    def heal_datagrams(self, direction: Direction = "both") -> None:
        """Lets datagrams pass again."""
        self._ask("DELETE", f"/voice/datagrams?direction={direction}")

    def close_voice(self, code: int | None = None, reason: str = "") -> None:
        """Closes the voice socket with a code, or breaks it without a close frame (which clients see as 1006)."""
        self._ask("POST", "/voice/close", {"code": code, "reason": reason})

    def withhold_voice_acks(self, for_ms: int | None = None) -> None:
        """Answers no heartbeat on the voice socket."""
        self._ask("PUT", "/voice/heartbeats", {"for_ms": for_ms})

    def refuse_voice_resumes(self, times: int = 1) -> None:
        """Refuses the next resumes on the voice gateway (4006)."""
        self._ask("PUT", "/voice/resume", {"times": times})

    def move(self, endpoint: str | None = None) -> None:
        """Sends the bot to another voice server (VOICE_SERVER_UPDATE). With one node, that is the same server with a
        new token, under another name if ``endpoint`` gives one."""
        self._ask("POST", "/voice/move", {"endpoint": endpoint})

    def take_voice_server(self, for_ms: int = 1000) -> None:
        """VOICE_SERVER_UPDATE with ``endpoint: null``, and another one with an endpoint after a time."""
        self._ask("POST", "/voice/away", {"for_ms": for_ms})

    def expire_voice_token(self) -> None:
        """Lets the right to connect die: the voice socket closes with 4006, and only op 4 gives a new one."""
        self._ask("POST", "/voice/expire")

    def crash_worker(self) -> None:
        """Crashes the media worker that carries the call. It is started again within a second."""
        self._ask("POST", "/voice/crash")

    def close_gateway(self, code: int | None = None, reason: str = "") -> None:
        """Closes the socket of the main Gateway with a code, or breaks it without a close frame."""
        self._ask("POST", "/gateway/close", {"code": code, "reason": reason})

    def withhold_gateway_acks(self, for_ms: int | None = None) -> None:
        """Answers no heartbeat on the main Gateway."""
        self._ask("PUT", "/gateway/heartbeats", {"for_ms": for_ms})

    def refuse_gateway_resumes(self, times: int = 1) -> None:
        """Refuses the next resumes on the main Gateway (op 9 with ``false``); the session is over then."""
        self._ask("PUT", "/gateway/resume", {"times": times})

    def drop_dispatch(self, name: str, times: int = 1) -> None:
        """Never sends the next events of a name, for example VOICE_SERVER_UPDATE."""
        self._ask("PUT", f"/gateway/dispatches/{name}", {"times": times})

    def delay_dispatch(self, name: str, delay_ms: int, times: int = 1) -> None:
        """Sends the next events of a name later."""
        self._ask("PUT", f"/gateway/dispatches/{name}", {"delay_ms": delay_ms, "times": times})

    def expire_token(self, for_ms: int | None = None) -> None:
        """Takes the bot's token for wrong: 401 for REST, 4004 at the next log-in."""
        self._ask("PUT", "/token", {"for_ms": for_ms})

    def accept_token(self) -> None:
        """Takes the bot's token for right again."""
        self._ask("DELETE", "/token")

    def clear(self) -> None:
        """Takes back everything that stands."""
        self._ask("DELETE", "/faults")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        self._server.operate(method, self._path + path, body)
