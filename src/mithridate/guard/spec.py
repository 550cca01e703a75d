"""The policy file: strict TOML to a guard and back.

[guard]
rule = { name = "trimmed-mean", f = 4 }
stages = [ { name = "clip", to = "median" }, { name = "nearest-neighbour-mixing", f = 4 } ]
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.guard.catalog import RULES, STAGES
from mithridate.guard.guard import Guard
from mithridate.guard.tables import build, located, table_of

__all__ = ["TABLES", "dump", "from_table", "inline", "parse", "to_table"]


TABLES = ("guard", "admission", "round", "metrics", "identity", "client", "record", "monitor")
"""The tables of a policy. All but [guard] are for a venue beyond one machine: see `guard.policy`."""


def parse(text: str, where: str = "policy.toml") -> Guard:
    """The guard that a policy describes.

    Raises:
        ConfigurationError: broken TOML, an unknown key or name, a missing key, a wrong type or value. The message begins
            with file and line and ends with what to write instead, where that can be guessed.

    >>> parse('[guard]\\nrule = { name = "median" }')
    Guard(rule=Median(), stages=())
    >>> parse('[guard]\\nrule = { name = "multikrum", f = 1 }')
    Traceback (most recent call last):
        ...
    mithridate.core.errors.ConfigurationError: policy.toml:2: rule: unknown rule 'multikrum'; did you mean 'multi-krum'?
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and integers or nesting beyond Python's own limits
        raise ConfigurationError(f"{where}: not valid TOML: {error}") from error
    try:
        for key in document:
            if key not in TABLES:
                raise ConfigurationError(f"unknown table {key!r}{suggestion(key, TABLES)}")
        if "guard" not in document:
            raise ConfigurationError("the policy has no [guard] table")
        return from_table(document["guard"])
    except ConfigurationError as error:
        table = "guard" if set(document) == {"guard"} else ""
        raise ConfigurationError(located(str(error), text, where, table)) from error


def from_table(table: Any, where: str = "") -> Guard:
    """The guard that a [guard] table describes; both classes and plug-ins of the catalogue are known."""
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}[guard] must be a table")
    for key in table:
        if key not in ("rule", "stages"):
            raise ConfigurationError(f"{where}unknown key {key!r}{suggestion(key, ['rule', 'stages'])}")
    if "rule" not in table:
        raise ConfigurationError(f"{where}[guard] has no 'rule'")
    stages = table.get("stages", [])
    if not isinstance(stages, list | tuple):
        raise ConfigurationError(f"{where}'stages' must be a list of tables")
    return Guard(
        build("rule", RULES, table["rule"], f"{where}rule: "),
        tuple(build("stage", STAGES, stage, f"{where}stage {i}: ") for i, stage in enumerate(stages, 1)),
    )


def to_table(guard: Guard) -> dict[str, Any]:
    """The [guard] table of a guard: `from_table(to_table(g)) == g`."""
    table: dict[str, Any] = {"rule": table_of(guard.rule)}
    if guard.stages:
        table["stages"] = [table_of(stage) for stage in guard.stages]
    return table


def dump(guard: Guard) -> str:
    """The policy of a guard: `parse(dump(g)) == g`."""
    return "[guard]\n" + "".join(f"{key} = {inline(value)}\n" for key, value in to_table(guard).items())


def inline(value: Any) -> str:
    """A plain value in TOML's inline form.

    >>> inline({"name": "clip", "to": 2.0, "on": True, "of": [1, 2]})
    '{ name = "clip", to = 2.0, on = true, of = [1, 2] }'
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(inline(item) for item in value) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
    raise ConfigurationError(f"no TOML form for {type(value).__name__}")
