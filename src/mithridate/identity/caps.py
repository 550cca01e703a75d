"""Many keys, one owner: no organisation is more than its share of a round."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = ["surplus"]


def surplus(home: Mapping[str, str], most_share: float, round: int = 0, seed: int = 0) -> frozenset[str]:
    """Who has to be refused, so that no organisation is more than `most_share` of those who stay.

    Of each organisation at most c stay, where c is the largest number with c <= most_share × those who then stay:

        c = max { c <= largest organisation : c <= most_share · Σ_o min(m_o, c) },   m_o clients of organisation o

    No other choice keeps more clients: for a given largest number c, nobody can keep more than Σ min(m_o, c). The order within an
    organisation is that of SHA-256(seed, round, fingerprint): it changes from round to round, so that nobody is starved. With
    fewer than 1/most_share organisations no c will do, and all are refused: the promise is not kept by halves.

    Args:
        home: The organisation of each fingerprint in the round.
        most_share: In (0, 1].
        round: The round's number.
        seed: With the round it fixes the order.

    Cost: O(n log n) and O(largest × organisations).
    Weak against: owners who enrol under several organisations; who enrols whom is the operator's to check.

    >>> sorted(surplus({"a": "North", "b": "North", "c": "North", "d": "South"}, 0.5))
    ['b', 'c']
    """
    groups: dict[str, list[str]] = {}
    for who in sorted(home):
        groups.setdefault(home[who], []).append(who)
    most = _most_each([len(group) for group in groups.values()], most_share)
    return frozenset(
        who for group in groups.values() for who in sorted(group, key=lambda each: _lot(each, round, seed))[most:]
    )


def _most_each(sizes: list[int], share: float) -> int:
    """c; 0 if there is none. (The tolerance is for shares such as 0.29 of 100, which floats make a little less than 29.)"""
    for c in range(max(sizes, default=0), 0, -1):
        if c <= share * sum(min(size, c) for size in sizes) + 1e-9:
            return c
    return 0


def _lot(who: str, round: int, seed: int) -> bytes:
    return hashlib.sha256(f"mithridate organisation order\n{seed}\n{round}\n{who}".encode()).digest()
