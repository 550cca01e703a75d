"""Reading a scenario's tables without building anything: a report must open runs whose plug-ins are not installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mithridate.core.errors import ConfigurationError
from mithridate.guard.spec import inline
from mithridate.report.wording import short

__all__ = [
    "amount",
    "class_of",
    "differences",
    "is_bare",
    "is_plain_mean",
    "name_of_part",
    "nested",
    "part",
    "parts",
    "procedures",
    "spoken",
    "spoken_defence",
    "spoken_guard",
    "table",
    "undefended",
]

_MEANS = ("mean", "weighted-mean")


def table(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table of the scenario; empty if it is missing or something else."""
    found = settings.get(key)
    return found if isinstance(found, Mapping) else {}


def part(owner: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """A named part, in either of its forms: `"krum"` or `{name = "krum", f = 2}`.

    >>> part({"rule": "median"}, "rule")
    {'name': 'median'}
    """
    found = owner.get(key)
    if isinstance(found, str):
        return {"name": found}
    return found if isinstance(found, Mapping) and isinstance(found.get("name"), str) else None


def parts(owner: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    """A list of named parts; what is none is left out.

    >>> parts({"stages": ["clip", 3]}, "stages")
    ({'name': 'clip'},)
    """
    found = owner.get(key)
    listed = found if isinstance(found, list | tuple) else []
    return tuple(each for item in listed if (each := part({key: item}, key)) is not None)


def name_of_part(owner: Mapping[str, Any], key: str) -> str | None:
    """The name of a part."""
    found = part(owner, key)
    return None if found is None else str(found["name"])


def class_of(known: Mapping[str, type], name: object) -> type | None:
    """The class of a name; None for a plug-in that is not installed here, or does not load."""
    try:
        return known.get(str(name))
    except ConfigurationError:
        return None


def amount(value: Any) -> int | None:
    """A whole number that is neither negative nor beyond every sane size."""
    return value if type(value) is int and 0 <= value < 10**12 else None


def nested(value: Any, levels: int) -> bool:
    """Whether a value goes deeper than so many levels.

    >>> nested({"a": {"b": [1]}}, 3), nested({"a": {"b": [1]}}, 2)
    (False, True)
    """
    if not isinstance(value, Mapping | list):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(nested(item, levels - 1) for item in items)


def is_plain_mean(guard: Mapping[str, Any]) -> bool:
    """Whether a [guard] table guards nothing: absent, or a mean without stages.

    >>> is_plain_mean({"rule": {"name": "mean"}}), is_plain_mean({"rule": "median"})
    (True, False)
    """
    return not guard.get("stages") and name_of_part(guard, "rule") in (None, *_MEANS)


def procedures(settings: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """What a scenario does against attacks beside its guard, as named parts, in the order in which a round meets it.

    >>> procedures({"server": {"rollback": {"rise": 0.5}}, "clients": {"sanitise": ["deep-knn"]}})
    ({'name': 'deep-knn'}, {'name': 'rollback', 'rise': 0.5})
    """
    server = table(settings, "server")
    tables = [(key, server.get(key)) for key in ("smoothing", "fine-tuning", "rollback")]
    tables.append(("ensemble", settings.get("ensemble")))
    found = [{"name": key} | dict(value) for key, value in tables if isinstance(value, Mapping)]
    return (*parts(table(settings, "clients"), "sanitise"), *found)


def undefended(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario without its guard and its procedures: what is left is the condition that they stand under.

    >>> undefended({"rounds": 3, "guard": {}, "server": {"optimiser": "sgd", "rollback": {"rise": 0.5}}})
    {'rounds': 3, 'server': {'optimiser': 'sgd'}}
    """
    apart = {"server": ("smoothing", "fine-tuning", "rollback"), "clients": ("sanitise",)}
    return {
        key: {k: v for k, v in value.items() if k not in apart.get(key, ())} if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if key not in ("guard", "ensemble")
    }


def is_bare(settings: Mapping[str, Any]) -> bool:
    """Whether nothing defends a scenario: neither a guard nor a procedure.

    >>> is_bare({"guard": {"rule": "mean"}}), is_bare({"guard": {"rule": "mean"}, "ensemble": {"groups": 5}})
    (True, False)
    """
    return is_plain_mean(table(settings, "guard")) and not procedures(settings)


def spoken(value: Mapping[str, Any]) -> str:
    """A named part in words.

    >>> spoken({"name": "patch", "target": 0, "size": 3})
    'patch (target=0, size=3)'
    """
    rest = ", ".join(f"{key}={_inline(item)}" for key, item in value.items() if key != "name")
    return f"{value.get('name')} ({rest})" if rest else str(value.get("name"))


def spoken_guard(guard: Mapping[str, Any]) -> str:
    """A [guard] table in words, in the order in which an update meets its parts.

    >>> spoken_guard({"rule": {"name": "krum", "f": 2}, "stages": [{"name": "clip", "to": "median"}]})
    'clip (to="median"), then krum (f=2)'
    """
    stages = guard.get("stages")
    steps = [{"name": step} if isinstance(step, str) else step for step in stages] if isinstance(stages, list) else []
    rule = part(guard, "rule") or {"name": "mean"}
    return ", then ".join(spoken(step) for step in [*steps, rule] if isinstance(step, Mapping))


def spoken_defence(settings: Mapping[str, Any]) -> str:
    """A scenario's guard and its procedures in words.

    >>> spoken_defence({"guard": {"rule": "median"}, "server": {"rollback": {"rise": 0.5}}})
    'median, with rollback (rise=0.5)'
    """
    return ", with ".join([spoken_guard(table(settings, "guard")), *map(spoken, procedures(settings))])


def differences(settings: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, tuple[str | None, ...]], ...]:
    """The keys in which scenarios differ, dotted, each with its value in every scenario (None: left out).

    >>> differences([{"seed": 1, "guard": {"rule": "mean"}}, {"seed": 1, "guard": {"rule": "median"}}])
    (('guard.rule', ('"mean"', '"median"')),)
    """
    flat = [dict(_flat(each)) for each in settings]
    keys = dict.fromkeys(key for each in flat for key in each)
    rows = ((key, tuple(each.get(key) for each in flat)) for key in keys)
    return tuple((key, values) for key, values in rows if len(set(values)) > 1)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and "name" not in value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _inline(value)


def _inline(value: Any) -> str:
    try:
        return short(inline(value))
    except (ConfigurationError, ValueError):
        return f"({type(value).__name__})"  # dates, and numbers too long to be written
