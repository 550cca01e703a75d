"""Counting decisions: what became of lying and honest updates, and of every client."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Literal, get_args

from mithridate.report.facts import RunFacts
from mithridate.report.rounds import Fate, Round
from mithridate.report.wording import nth

__all__ = ["Group", "Kind", "Reason", "Record", "groups", "records", "sender", "spans"]

Kind = Literal["liar", "minority", "honest", "unknown"]
"""Lied at least once; never lied and holds unlike data; never lied; of a real federation, where nobody knows."""


@dataclass(frozen=True)
class Group:
    """What became of one kind of update.

    Rounds that the guard refused as a whole accuse nobody and are left out.

    Args:
        kind: Whose updates: lying ones, honest ones of clients with unlike data, other honest ones.
        clients: Who sent them.
        judged: Updates that arrived.
        excluded: Of these, dropped or refused.
        mostly: Clients excluded in more than half of their updates.
        say: Their part of everything that counted, in [0, 1], over the rounds with a lie (over all if nobody lied); None
            where the rule does not say how much a client counts.
        headcount: Their part of the updates that arrived, over the same rounds.
    """

    kind: Kind
    clients: int
    judged: int
    excluded: int
    mostly: int
    say: float | None
    headcount: float | None

    @property
    def rate(self) -> float | None:
        """Excluded of judged: the true positive rate for liars, the false positive rate for the honest."""
        return self.excluded / self.judged if self.judged else None


@dataclass(frozen=True)
class Reason:
    """Why a client was excluded, summed over rounds; score and threshold are medians."""

    stage: str
    code: str
    times: int
    score: float | None
    threshold: float | None


@dataclass(frozen=True)
class Record:
    """One client's run.

    Args:
        client: Its id.
        kind: Liar, minority, honest or unknown.
        lied: The rounds in which it lied.
        rounds: The rounds of each status.
        reasons: Why it was excluded, most frequent first.
    """

    client: str
    kind: Kind
    lied: tuple[int, ...]
    rounds: dict[str, tuple[int, ...]]
    reasons: tuple[Reason, ...]

    @property
    def excluded(self) -> tuple[int, ...]:
        """The rounds in which it was dropped or refused."""
        return tuple(sorted((*self.rounds.get("dropped", ()), *self.rounds.get("refused", ()))))


def groups(run: RunFacts) -> tuple[Group, ...]:
    """Lying, unlike and other honest updates, as far as there are any."""
    decided = [each for each in run.rounds if each.refused is None and not each.challenge]
    told = [each for each in decided if any(fate.liar and fate.arrived for fate in each.fates)] or decided
    found = (_group(kind, decided, told) for kind in get_args(Kind))
    return tuple(group for group in found if group.judged)


def _group(kind: Kind, decided: list[Round], told: list[Round]) -> Group:
    fates = [fate for fate in _arrived(decided) if sender(fate) == kind]
    by_client: dict[str, list[bool]] = defaultdict(list)
    for fate in fates:
        by_client[fate.client].append(fate.excluded)
    heard = list(_arrived(told))
    total = sum(abs(fate.share or 0.0) for fate in heard)
    own = sum(abs(fate.share or 0.0) for fate in heard if sender(fate) == kind)
    return Group(
        kind=kind,
        clients=len(by_client),
        judged=len(fates),
        excluded=sum(fate.excluded for fate in fates),
        mostly=sum(2 * sum(each) > len(each) for each in by_client.values()),
        say=own / total if total else None,
        headcount=sum(sender(fate) == kind for fate in heard) / len(heard) if heard else None,
    )


def _arrived(rounds: Iterable[Round]) -> Iterator[Fate]:
    return (fate for each in rounds for fate in each.fates if fate.arrived)


def sender(fate: Fate) -> Kind:
    """Whose update it was; who lies in other rounds only is as honest as others in this one."""
    if fate.liar is None:
        return "unknown"
    return "liar" if fate.liar else "minority" if fate.minority else "honest"


def records(run: RunFacts) -> tuple[Record, ...]:
    """Every client: liars first, then those who were excluded most, then by id."""
    fates: dict[str, list[tuple[int, Fate]]] = defaultdict(list)
    for each in run.rounds:
        for fate in each.fates:
            fates[fate.client].append((each.number, fate))
    found = [_record(client, seen) for client, seen in fates.items()]
    return tuple(sorted(found, key=lambda record: (record.kind != "liar", -len(record.excluded), record.client)))


def _record(client: str, seen: list[tuple[int, Fate]]) -> Record:
    rounds: dict[str, list[int]] = defaultdict(list)
    why: dict[tuple[str, str], list[Fate]] = defaultdict(list)
    for number, fate in seen:
        rounds[fate.status].append(number)
        if fate.excluded:
            why[fate.stage or "guard", fate.reason or "no reason recorded"].append(fate)
    lied = tuple(number for number, fate in seen if fate.liar)
    honest: Kind = "minority" if any(fate.minority for _, fate in seen) else "honest"
    if all(fate.liar is None for _, fate in seen):
        honest = "unknown"
    reasons = (
        Reason(stage, code, len(each), _middle(f.score for f in each), _middle(f.threshold for f in each))
        for (stage, code), each in why.items()
    )
    return Record(
        client=client,
        kind="liar" if lied else honest,
        lied=lied,
        rounds={status: tuple(numbers) for status, numbers in rounds.items()},
        reasons=tuple(sorted(reasons, key=lambda reason: (-reason.times, reason.stage, reason.code))),
    )


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def spans(numbers: Iterable[int]) -> str:
    """Rising round numbers, briefly, as people count them.

    >>> spans([1, 2, 3, 6, 8, 9])
    '2–4, 7, 9–10'
    """
    found: list[list[int]] = []
    for number in map(nth, numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in found)
