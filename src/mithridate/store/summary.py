"""What a whole run comes to, counted from its journal: the last line carries it, so that a thousand runs are compared at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["KINDS", "added", "summary"]

KINDS = ("liar", "minority", "honest")
"""Lied in this round; honest, with data unlike the others'; honest. Where nobody knows who lies, there is only "unknown"."""


def summary(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of a run's rounds, as plain values.

        judged, excluded   updates that arrived and, of these, those dropped or refused, by kind; rounds that the guard refused
                           as a whole accuse nobody and are left out
        names_clients      whether the guard says how much each client counts
        refused, foiled    rounds that the guard refused; rounds in which the lie could not be made
        guard_s            mean seconds of admission and guard per round; None where not measured
        base_rate          how often a trigger's target is answered without the trigger, as last measured
        weakest            accuracy on the worst class, as last measured

    >>> fates = [{"client": "a", "status": "dropped", "liar": True}, {"client": "b", "status": "counted", "share": 1.0}]
    >>> found = summary([{"event": "round", "round": 0, "clients": fates}])
    >>> found["judged"], found["excluded"], found["names_clients"]
    ({'liar': 1, 'minority': 0, 'honest': 1}, {'liar': 1, 'minority': 0, 'honest': 0}, True)
    """
    judged, excluded = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    found: dict[str, Any] = {"names_clients": False, "refused": 0, "foiled": 0, "base_rate": None, "weakest": None}
    spent: list[float] = []
    for event in events:
        if event["event"] != "round":
            continue
        refused = event.get("refused") is not None
        found["refused"] += refused
        found["foiled"] += event.get("attack_foiled") is not None
        seconds = (event.get("seconds") or {}).get("guard")
        spent += [] if seconds is None else [seconds]
        found["base_rate"] = found["base_rate"] if event.get("base_rate") is None else event["base_rate"]
        known = [share for share in event.get("per_class") or () if share is not None]
        found["weakest"] = min(known, default=found["weakest"])
        for fate in event.get("clients", ()):
            found["names_clients"] |= fate.get("share") is not None
            if refused or fate["status"] not in ("counted", "dropped", "refused"):
                continue
            kind = _kind(fate)
            judged[kind] = judged.get(kind, 0) + 1
            excluded[kind] = excluded.get(kind, 0) + (fate["status"] != "counted")
    guard_s = sum(spent) / len(spent) if spent else None
    return {"judged": judged, "excluded": excluded, "guard_s": guard_s} | found


def _kind(fate: Mapping[str, Any]) -> str:
    if fate.get("liar", False) is None:  # a real federation, which does not know
        return "unknown"
    return "liar" if fate.get("liar") else "minority" if fate.get("minority") else "honest"


def added(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The summary of runs that make one: updates of all; seconds of all, since the server aggregates for each.

    A round counts as refused if it was so in every run as far as their numbers tell, and as foiled if it was in any.

    >>> one = {"judged": {"liar": 1}, "excluded": {"liar": 1}, "names_clients": True, "refused": 2, "foiled": 0, "guard_s": 0.5}
    >>> two = added([one, one | {"refused": 1, "names_clients": False}])
    >>> two["judged"]["liar"], two["refused"], two["guard_s"], two["names_clients"]
    (2, 1, 1.0, True)
    """
    spent = [each["guard_s"] for each in found if each.get("guard_s") is not None]
    return {
        "judged": {kind: sum(each["judged"].get(kind, 0) for each in found) for kind in KINDS},
        "excluded": {kind: sum(each["excluded"].get(kind, 0) for each in found) for kind in KINDS},
        "guard_s": sum(spent) if spent else None,
        "names_clients": any(each["names_clients"] for each in found),
        "refused": min((each["refused"] for each in found), default=0),
        "foiled": max((each["foiled"] for each in found), default=0),
        "base_rate": None,
        "weakest": None,
    }
