"""Short names for what is compared: an attack, a defence or any other value of a scenario, from its plain table alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mithridate.report.settings import is_plain_mean, procedures, table
from mithridate.report.wording import short

__all__ = ["NOBODY", "attack_label", "defence_label", "guard_label", "labels_of", "spoken_value"]

NOBODY = "no attack"
_ATTACK_PARTS = ("data", "trigger", "update", "steering", "schedule")
_AGAINST_DRIFT = ("prox", "scaffold")
_MOST = 60


def spoken_value(value: Any) -> str:
    """A value in words.

    >>> spoken_value({"name": "krum", "f": 2}), spoken_value(["clip", {"name": "buckets", "size": 2}]), spoken_value([])
    ('krum(f=2)', 'clip+buckets(size=2)', 'none')
    """
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key}={spoken_value(item)}" for key, item in value.items() if key != "name")
        return f"{value.get('name', '')}({rest})" if rest or "name" not in value else str(value["name"])
    if isinstance(value, list | tuple):
        return "+".join(spoken_value(item) for item in value) or "none"
    return str(value)


def attack_label(attack: Any, *, full: bool = False) -> str:
    """An [attack] table by the names of its parts; with their settings if `full`.

    >>> attack_label({"liars": 4, "trigger": {"name": "patch", "target": 0}, "update": "model-replacement"})
    'patch + model-replacement'
    >>> attack_label({}), attack_label({"liars": 0, "update": "alie"})
    ('no attack', 'no attack')
    """
    if not isinstance(attack, Mapping) or not attack or attack.get("liars") == 0:
        return NOBODY
    return short(" + ".join(_names(attack, _ATTACK_PARTS, full)) or f"{attack.get('liars', '?')} idle liars", _MOST)


def guard_label(guard: Any, *, full: bool = False) -> str:
    """A [guard] table by the names of its parts, in the order in which an update meets them.

    >>> guard_label({"rule": {"name": "krum", "f": 4}, "stages": [{"name": "clip", "to": 1.0}]})
    'clip + krum'
    >>> guard_label({}), guard_label({"rule": "mean"}), guard_label({"rule": {"name": "krum", "f": 4}}, full=True)
    ('mean', 'mean', 'krum(f=4)')
    """
    if not isinstance(guard, Mapping) or is_plain_mean(guard):
        return short(" + ".join(_names(guard, ("rule",), full)) if isinstance(guard, Mapping) else "", _MOST) or "mean"
    return short(" + ".join(_names(guard, ("stages", "rule"), full)), _MOST)


def defence_label(settings: Any, *, full: bool = False) -> str:
    """The guard and the procedures of a scenario by their names; a plain mean needs no word beside a procedure.

    >>> defence_label({"guard": {"rule": "median"}, "server": {"rollback": {"rise": 0.5}}})
    'median + rollback'
    >>> defence_label({"ensemble": {"groups": 5}}, full=True), defence_label({"training": {"scaffold": True}})
    ('ensemble(groups=5)', 'scaffold')
    """
    if not isinstance(settings, Mapping):
        return "mean"
    found = [spoken_value(each) if full else str(each["name"]) for each in procedures(settings)]
    training = table(settings, "training")
    found += [f"{key}={training[key]}" if full else key for key in _AGAINST_DRIFT if training.get(key)]
    guard = table(settings, "guard")
    if found and is_plain_mean(guard):
        return short(" + ".join(found), _MOST)
    return short(" + ".join([guard_label(guard, full=full), *found]), _MOST)


def labels_of(axis: str, values: Sequence[Any]) -> list[str]:
    """A label for every value on an axis: the one that it brings, else the shortest that tells it from the others.

    >>> labels_of("guard", [{"rule": "median"}, {"rule": {"name": "krum", "f": 2}}, {"label": "twice", "rule": "mean"}])
    ['median', 'krum', 'twice']
    >>> labels_of("guard", [{"rule": {"name": "krum", "f": 1}}, {"rule": {"name": "krum", "f": 2}}])
    ['krum(f=1)', 'krum(f=2)']
    >>> labels_of("clients.partition", ["iid", {"name": "dirichlet", "alpha": 0.1}])
    ['iid', 'dirichlet(alpha=0.1)']
    """
    for full in (False, True):
        found = [_label(axis, value, full) for value in values]
        if _tell_apart(found, values):
            return found
    return [short(str(given) if (given := _given(value)) is not None else spoken_value(value), 200) for value in values]


def _label(axis: str, value: Any, full: bool) -> str:
    if (given := _given(value)) is not None:
        return short(str(given), _MOST)
    if axis == "attack" and (isinstance(value, Mapping) or value == "none"):
        return attack_label(value, full=full)
    if axis == "guard" and (isinstance(value, Mapping) or value == "none"):
        return guard_label(value, full=full)
    if axis == "defence":
        return defence_label(value, full=full)
    return short(spoken_value(value), _MOST)


def _given(value: Any) -> Any:
    return value.get("label") if isinstance(value, Mapping) else None


def _tell_apart(found: Sequence[str], values: Sequence[Any]) -> bool:
    """Whether different values have different labels."""
    return all(a != b or x == y for a, x in zip(found, values, strict=True) for b, y in zip(found, values, strict=True))


def _names(owner: Mapping[str, Any], keys: Sequence[str], full: bool) -> list[str]:
    listed = [given if isinstance(given := owner.get(key, []), list | tuple) else [given] for key in keys]
    found = [each for some in listed for each in some]
    return [
        spoken_value(each) if full or not isinstance(each, Mapping) else str(each.get("name", "?")) for each in found
    ]
