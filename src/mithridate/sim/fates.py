"""What became of every client that was asked in a round, and the tally of who was ever excluded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mithridate.core.cohort import Cohort
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import CHALLENGED, Decision
from mithridate.sim.members import Called, Members

__all__ = ["exclusions", "fates", "finite"]

Fate = dict[str, Any]


def fates(
    members: Members, called: Called, cohort: Cohort | None, refusals: Sequence[Refusal], decision: Decision
) -> list[Fate]:
    """One row per client that was asked: counted, dropped, refused, late or absent, and why."""
    admitted = set() if cohort is None else {client for row in cohort.clients for client in row}
    refused = {refusal.client: refusal for refusal in refusals if refusal.client not in admitted}
    marks = {mark.client: mark for mark in decision.marks if mark.dropped}
    clipped = {mark.client: mark for mark in decision.marks if not mark.dropped}
    counted, answering = set(decision.counted), set(called.answering)
    found = []
    for client in called.asked:
        fate = _absent(members, client, client in called.liars)
        mark = marks.get(client) or clipped.get(client)
        if mark is not None:
            fate |= {"stage": mark.stage, "reason": mark.reason}
            fate |= {"score": finite(mark.score), "threshold": finite(mark.threshold)}
        if client in counted:
            share = None if decision.share is None else decision.share.get(client, 0.0)
            fate |= {"status": "counted", "share": share}
        elif client in admitted:
            fate |= {"status": "dropped"}
            if mark is None:
                reason = "challenge-passed" if decision.refused == CHALLENGED else "round-refused"
                fate |= {"stage": "guard", "reason": reason}
        elif client in called.late:
            fate |= {"status": "late", "reason": "late"}
        elif client in answering and client in refused:
            fate |= {"status": "refused", "stage": "admission", "reason": refused[client].reason}
        found.append(fate)
    return found


def _absent(members: Members, client: str, lies: bool) -> Fate:
    """The row of a client that was asked and of whom nothing else is known yet."""
    return {
        "client": client,
        "liar": lies,
        "minority": members.minority[client],
        "examples": members.size(client),
        "status": "absent",
        "share": None,
        "stage": None,
        "reason": None,
        "score": None,
        "threshold": None,
    }


def exclusions(before: Mapping[str, Any], rows: Sequence[Fate]) -> dict[str, Any]:
    """The tally of exclusions with one more round.

    >>> exclusions({}, [{"client": "c7", "status": "dropped", "reason": "far", "liar": True}])
    {'c7': {'liar': True, 'rounds': 1, 'reasons': {'far': 1}}}
    """
    tally = dict(before)
    for fate in rows:
        if fate["status"] not in ("dropped", "refused") or fate["reason"] == "challenge-passed":
            continue
        old = tally.get(fate["client"], {"liar": False, "rounds": 0, "reasons": {}})
        reason = fate["reason"]
        tally[fate["client"]] = {
            "liar": old["liar"] or fate["liar"],
            "rounds": old["rounds"] + 1,
            "reasons": old["reasons"] | {reason: old["reasons"].get(reason, 0) + 1},
        }
    return tally


def finite(number: float) -> float | None:
    """A number that JSON can carry."""
    return float(number) if math.isfinite(number) else None
