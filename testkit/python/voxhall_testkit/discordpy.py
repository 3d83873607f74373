"""Points discord.py at a server; the library has no option for that."""

from __future__ import annotations

from typing import Any

import aiohttp
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .server import Voxhall


def client_options(server: Voxhall) -> dict[str, Any]:
    """Arguments for ``discord.Client`` or ``commands.Bot``. Call it in the event loop that the client runs in."""
    Route.BASE = f"{server.api}/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway)
    return {"connector": aiohttp.TCPConnector(ssl=server.ssl_context())}
