"""A development server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .faults import Faults
from .listener import Listener

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
GUILD_VOICE, GUILD_TEXT = 2, 0


class StartError(RuntimeError):
    """The server did not come up; the message holds what it said."""


class ApiError(RuntimeError):
    """The server refused a request; the message holds its answer."""

    def __init__(self, status: int, method: str, path: str, answer: str) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {answer}")
        self.status = status


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    id: int
    name: str
    token: str


def program() -> str:
    """The voxhall program: that of VOXHALL_BIN, else the one on the path."""
    found = os.environ.get("VOXHALL_BIN") or shutil.which("voxhall")
    if not found:
        raise StartError("there is no voxhall program on the path; name one with VOXHALL_BIN=/path/to/voxhall")
    return found


class Voxhall:
    """A server on free ports with a folder of its own; both are gone after :meth:`stop` or the ``with`` block."""

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="voxhall-")
        self.folder = Path(self._folder.name)
        self._children: list[subprocess.Popen[Any]] = []
        self._listener: Listener | None = None
        self._log = open(self.folder / "log", "wb")
        command = [program(), "serve", "--dev", "--state", str(self.folder), "--workers=1", "--media-port=0"]
        command += ["--listen=127.0.0.1:0", "--voice-listen=127.0.0.1:0", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._log)
        try:
            world = self._wait_for("dev.json")
            place = self._wait_for("server.json")
        except BaseException:
            self.stop()
            raise
        self.api: str = world["api"]
        """Base address of REST, up to and without ``/v10``."""
        self.gateway: str = world["gateway"]
        """Address of the main Gateway."""
        self.ca = Path(world["ca"])
        """The certificate to trust."""
        self.guild = int(world["guild_id"])
        self.channel = int(world["voice_channels"][0])
        """The voice channel that is listened to if no other is named."""
        self.channels = [int(channel) for channel in world["voice_channels"]]
        self.text_channel = int(world["text_channel"])
        self.people = [Account(int(it["id"]), it["name"], it["token"]) for it in world["users"]]
        self._admin: str = place["admin_token"]

    def __enter__(self) -> Voxhall:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends everything that was started, by its process id."""
        for child in [*self._children, self._process]:
            if child.poll() is None:
                child.terminate()
        for child in [*self._children, self._process]:
            try:
                child.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._log.close()
        self._folder.cleanup()

    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    # --- who and where -------------------------------------------------------------------------------------------

    def bot(self, name: str = "bot") -> Account:
        """Makes a bot that is a member of the guild and may ask for every intent."""
        return self._account({"name": name, "bot": True, "privileged_intents": True})

    def user(self, name: str = "user") -> Account:
        """Makes a person who is a member of the guild."""
        return self._account({"name": name})

    def voice_channel(self, name: str = "voice") -> int:
        """Makes a voice channel."""
        return self._make_channel(name, GUILD_VOICE)

    def make_text_channel(self, name: str = "text") -> int:
        """Makes a text channel."""
        return self._make_channel(name, GUILD_TEXT)

    def ssl_context(self) -> ssl.SSLContext:
        """Trusts the server's certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.ca))

    # --- what goes wrong, what is said, what is heard --------------------------------------------------------------

    def faults(self, bot: Account) -> Faults:
        """Sets faults for a bot."""
        return Faults(self, bot)

    def client(self, bot: Account) -> dict[str, Any]:
        """Where a bot is connected: its ``sessions`` on the main Gateway and its ``voice`` connections."""
        return self.operate("GET", f"/dev/users/{bot.id}")

    async def connected(self, bot: Account, timeout: float = 15.0) -> None:
        """Waits until the bot's voice connection is there (again)."""
        end = time.monotonic() + timeout
        while True:
            voice = self.client(bot)["voice"]
            if any(connection["link"] == "connected" for connection in voice):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{bot.name} has no voice connection after {timeout} s; its state is {voice}")
            await asyncio.sleep(0.05)

    def listen(self, channel: int | None = None) -> Listener:
        """Sends a listener into a voice channel."""
        arguments = ["listen", str(channel or self.channel), "--json", "--frames", "--token", "voxhall-testkit-ears"]
        command = [program(), *arguments, "--state", str(self.folder)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self._children.append(child)
        return Listener(child)

    def speak(self, file: str | Path, channel: int | None = None) -> subprocess.Popen[Any]:
        """Plays a WAV or Ogg Opus file in a voice channel, over and over, until the server is stopped."""
        command = [program(), "play", str(file), "--repeat", "--channel", str(channel or self.channel)]
        command += ["--token", "voxhall-testkit-voice", "--state", str(self.folder)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._log)
        self._children.append(child)
        return child

    async def heard(self, bot: Account, window: float = 1.0, within: float = 15.0) -> float:
        """How loud the bot is, in dBFS: waits until ``window`` seconds of it were heard from now on, at most
        ``within`` seconds. Digital silence is -120. The first call sends a listener into :attr:`channel`."""
        if self._listener is None:
            self._listener = await asyncio.to_thread(self.listen)
        return await self._listener.level(bot, window, within)

    # --- requests --------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, account: Account, body: Any = None) -> Any:
        """A REST request of an account, for example ``request("GET", "/users/@me", bot)``."""
        return self._request(method, f"/api/v10{path}", account.token, body)

    def operate(self, method: str, path: str, body: Any = None) -> Any:
        """A request of the operator, below ``/admin`` or ``/dev``."""
        return self._request(method, path, self._admin, body)

    def _request(self, method: str, path: str, token: str, body: Any) -> Any:
        # The port speaks plain text as well, and a test on loopback has nothing to hide.
        base = self.api.removesuffix("/api").replace("https:", "http:", 1)
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(base + path, content, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, method, path, error.read().decode(errors="replace")) from None
        return json.loads(text) if text else None

    def _account(self, wanted: dict[str, Any]) -> Account:
        user = self.operate("POST", "/admin/users", wanted)
        token = self.operate("POST", f"/admin/users/{user['id']}/tokens")["token"]
        self.operate("PUT", f"/admin/guilds/{self.guild}/members/{user['id']}")
        return Account(int(user["id"]), wanted["name"], token)

    def _make_channel(self, name: str, kind: int) -> int:
        body = {"name": name, "type": kind}
        return int(self.operate("POST", f"/admin/guilds/{self.guild}/channels", body)["id"])

    def _wait_for(self, name: str) -> dict[str, Any]:
        end = time.monotonic() + START_TIMEOUT
        while True:
            try:
                return dict(json.loads((self.folder / name).read_text()))
            except (OSError, ValueError):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise StartError(f"the server did not come up:\n{self.log()}") from None
                time.sleep(0.02)
