"""Flower: the guard around a real federation's server, its counterpart in the clients, and an engine for both in one process.

from mithridate.flower import guard_app
app = guard_app(app, "policy.toml")        # the last line of server_app.py
"""

from mithridate.flower.grid import GuardedGrid, by_key
from mithridate.flower.keeper import Keeper, Outcome, RunStopped
from mithridate.flower.local import LocalGrid, LocalNode, run_local
from mithridate.flower.server import guard_app

__all__ = [
    "GuardedGrid",
    "Keeper",
    "LocalGrid",
    "LocalNode",
    "Outcome",
    "RunStopped",
    "by_key",
    "guard_app",
    "run_local",
]
