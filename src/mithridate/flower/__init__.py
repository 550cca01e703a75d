"""Flower: the guard around a real federation's server, its counterpart in the clients, and an engine for both in one process.

app = guard_app(app, "policy.toml")                        # the last line of server_app.py
app = ClientApp(mods=[guard_client("policy.toml")])        # client_app.py
"""

from mithridate.flower.client import GuardedClient, guard_client
from mithridate.flower.grid import GuardedGrid, by_key
from mithridate.flower.keeper import Keeper, Outcome, RunStopped
from mithridate.flower.local import LocalGrid, LocalNode, run_local
from mithridate.flower.server import guard_app
from mithridate.flower.strategy import GuardedStrategy

__all__ = [
    "GuardedClient",
    "GuardedGrid",
    "GuardedStrategy",
    "Keeper",
    "LocalGrid",
    "LocalNode",
    "Outcome",
    "RunStopped",
    "by_key",
    "guard_app",
    "guard_client",
    "run_local",
]
