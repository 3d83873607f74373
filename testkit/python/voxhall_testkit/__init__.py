"""Test voice bots against a Voxhall server that fails when it is told to.

:class:`Voxhall` starts a development server, makes bots, people and channels, listens to what they send, and sets
faults. The pytest fixture ``voxhall`` gives one to each test that asks for it.
"""

from .faults import Faults
from .listener import SILENCE, Heard, Listener
from .server import Account, ApiError, StartError, Voxhall

__all__ = ["SILENCE", "Account", "ApiError", "Faults", "Heard", "Listener", "StartError", "Voxhall"]
