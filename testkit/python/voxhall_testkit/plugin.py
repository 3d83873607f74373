"""The pytest plugin: the fixture ``voxhall``, and ``async def`` tests that use it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from .server import Voxhall


@pytest.fixture
def voxhall() -> Iterator[Voxhall]:
    """A server for this test alone."""
    with Voxhall() as server:
        yield server


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an ``async def`` test that asks for ``voxhall``, unless another plugin has claimed it by a marker."""
    test = pyfuncitem.obj
    claimed = any(pyfuncitem.get_closest_marker(name) for name in ("asyncio", "anyio", "trio"))
    if claimed or not inspect.iscoroutinefunction(test) or "voxhall" not in pyfuncitem.fixturenames:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(test(**arguments))
    return True
