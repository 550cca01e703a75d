"""The values on a sweep's axis of defences: guards and procedures alike, by name or as tables of a scenario.

[sweep]
defence = ["none", "median", "ensemble", "deep-knn", "rollback"]   # a rule, a stage, a procedure, a sanitiser

[[sweep.defence]]                   # or any tables of a scenario that defend it
label = "ten models"
ensemble = { groups = 10 }
guard = { rule = "median" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from mithridate.core.errors import ConfigurationError, UnknownName, suggestion

__all__ = ["tables_of"]

_TABLES = ("guard", "ensemble", "server", "clients", "training", "probes", "challenge", "planting")


def tables_of(value: Any) -> dict[str, Any]:
    """The tables of a scenario that a defence sets; a name stands for what it names, with its defaults.

    Raises:
        ConfigurationError: neither a name nor a table, an unknown name, a table that is no part of a defence.

    >>> tables_of("median"), tables_of("rollback")
    ({'guard': {'rule': 'median'}}, {'server': {'rollback': {'rise': 0.5}}})
    >>> tables_of("deep-knn"), tables_of("none")
    ({'clients': {'sanitise': ['deep-knn']}}, {'guard': {'rule': 'mean', 'stages': []}})
    """
    if isinstance(value, Mapping):
        for key in value:
            if key not in ("label", *_TABLES):
                raise ConfigurationError(f"[sweep] defence: {key!r} is no part of a defence{suggestion(key, _TABLES)}")
        return dict(value)
    if not isinstance(value, str):
        raise ConfigurationError(f"[sweep] defence: must be a name or a table, not {value!r}")
    return _named(value)


def _named(name: str) -> dict[str, Any]:
    from mithridate.guard.catalog import RULES, SANITISERS, STAGES
    from mithridate.sim.procedures import PROCEDURES

    if name == "none":
        return {"guard": {"rule": "mean", "stages": []}}
    if name in RULES:
        return {"guard": {"rule": name}}
    if name in STAGES:
        return {"guard": {"rule": "mean", "stages": [name]}}
    if name in SANITISERS:
        return {"clients": {"sanitise": [name]}}
    if name in PROCEDURES:
        return tomllib.loads(PROCEDURES[name].toml.format())
    raise UnknownName("defence", name, ["none", *RULES, *STAGES, *SANITISERS, *PROCEDURES])
