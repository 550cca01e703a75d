"""Samples that clients sorted out before they trained: the poisoned ones that went, beside the clean ones that went with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mithridate.report.facts import RunFacts
from mithridate.report.procedures import Sifted
from mithridate.report.table import Table, cut
from mithridate.report.wording import UNKNOWN, count, percent

__all__ = ["Sifting", "sifting"]


@dataclass(frozen=True)
class Sifting:
    """What all clients' sanitisers came to. They begin anew in every round: samples are counted once per round.

    Args:
        samples, poisoned: Looked at; of these poisoned.
        removed, caught: Removed; of these poisoned.
        table: Client by client, the one that lost the greatest part of its clean samples first.
        sentences: The same in words, the most important first.
    """

    samples: int
    poisoned: int
    removed: int
    caught: int
    table: Table
    sentences: tuple[str, ...]


def sifting(run: RunFacts) -> Sifting | None:
    """What sanitising came to; None where no client does so."""
    by_client: dict[str, list[Sifted]] = defaultdict(list)
    for each in run.rounds:
        for one in each.sifted:
            by_client[one.client].append(one)
    everything = [one for some in by_client.values() for one in some]
    if not everything:
        return None
    order = sorted(by_client, key=lambda client: (-_part(_lost(by_client[client]), _clean(by_client[client])), client))
    head = ("client", "clean removed", "poisoned removed", "rounds sat out")
    rows = [_row(client, by_client[client]) for client in order]
    samples, poisoned = sum(one.samples for one in everything), sum(one.poisoned for one in everything)
    removed, caught = sum(one.removed for one in everything), sum(one.caught for one in everything)
    shown = cut(head, rows, f"{count(len(order), 'client')} looked at their samples", numbers=(1, 2, 3))
    return Sifting(samples, poisoned, removed, caught, shown, tuple(_said(run, everything)))


def _said(run: RunFacts, everything: list[Sifted]) -> Iterator[str]:
    lost, clean = _lost(everything), _clean(everything)
    poisoned, caught = sum(one.poisoned for one in everything), sum(one.caught for one in everything)
    found = _rate(caught, poisoned, "poisoned") if poisoned else "no poisoned sample, for there was none"
    yield f"Before they trained, clients removed {found}, and {_rate(lost, clean, 'clean')}; samples count once per round."
    sat_out = sum(one.refused is not None for one in everything)
    if sat_out:
        yield f"{count(sat_out, 'time')} the samples could not be judged, and the client trained on none."
    if poisoned == 0 and run.attacked:
        yield "Liars do not sanitise: they keep their poisoned samples."


def _rate(part: int, whole: int, word: str) -> str:
    return f"{part:,} of {count(whole, f'{word} sample')} ({percent(_part(part, whole))})"


def _row(client: str, some: list[Sifted]) -> tuple[str, ...]:
    lost, clean = _lost(some), _clean(some)
    poisoned, caught = sum(one.poisoned for one in some), sum(one.caught for one in some)
    bad = f"{caught:,} of {poisoned:,} ({percent(caught / poisoned)})" if poisoned else UNKNOWN
    sat_out = sum(one.refused is not None for one in some)
    good = f"{lost:,} of {clean:,} ({percent(lost / clean)})" if clean else UNKNOWN
    return client, good, bad, str(sat_out or UNKNOWN)


def _lost(some: Iterable[Sifted]) -> int:
    return sum(one.lost for one in some)


def _clean(some: Iterable[Sifted]) -> int:
    return sum(one.clean for one in some)


def _part(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
