"""What a journal says of procedures beside the guard: samples that were sorted out, models rolled back, noisy votes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.report.settings import amount
from mithridate.report.wording import short

__all__ = ["Alarm", "Sifted", "Smoothed", "Voted", "alarm", "sifted", "smoothed", "voted"]

_MOST_VOTES = 10**9
_LARGEST = 1e300


@dataclass(frozen=True)
class Sifted:
    """What one client's sanitisers took from its own samples in one round.

    Args:
        client: Its id; a stranger's text.
        samples, poisoned: How many it had; how many of these somebody had poisoned, which only a laboratory knows.
        removed, caught: How many went; how many of these were poisoned.
        refused: Why the samples could not be judged, so that the client trained on none; None if they could.
    """

    client: str
    samples: int
    poisoned: int
    removed: int
    caught: int
    refused: str | None = None

    @property
    def clean(self) -> int:
        """Samples that nobody had poisoned."""
        return self.samples - self.poisoned

    @property
    def lost(self) -> int:
        """Clean samples that went."""
        return self.removed - self.caught


@dataclass(frozen=True)
class Alarm:
    """What a rollback made of one round.

    Args:
        value: What was watched, of the model that the round produced; None where it was beyond every number.
        best: The same of the checkpoint.
        back_to: The round whose model was restored, -1 for the initial one; None if the round's model was kept.
    """

    value: float | None
    best: float | None
    back_to: int | None


@dataclass(frozen=True)
class Smoothed:
    """What the vote of noisy copies was worth in the end.

    Args:
        votes: How many copies voted.
        accuracy, asr: Of the vote, in [0, 1]; asr is None without a backdoor.
        certified: Radius and the share of test samples answered rightly for certain up to it, radii rising; empty if none.
        uncertified: Why nothing could be certified; None if it could.
    """

    votes: int
    accuracy: float | None
    asr: float | None
    certified: tuple[tuple[float, float], ...]
    uncertified: str | None


@dataclass(frozen=True)
class Voted:
    """How the vote of an ensemble ended. Its rounds are in the runs of its models.

    Args:
        accuracy, asr: Of the vote, in [0, 1]; asr is None without a backdoor.
        base_rate: How often it answers the trigger's target without the trigger.
        accuracies: Of the models.
        certified: The share of test samples that it answers rightly whatever 0, 1, 2, ... further clients do.
        abstained: The share that it is not sure of at all.
    """

    accuracy: float | None
    asr: float | None
    base_rate: float | None
    accuracies: tuple[float, ...]
    certified: tuple[float, ...]
    abstained: float | None


def sifted(event: Mapping[str, Any]) -> tuple[Sifted, ...]:
    """What every client's sanitisers did in a round; empty where nobody has any.

    Raises:
        StoreError: counts that contradict each other.

    >>> sifted({"sanitised": {"clients": {"c0": [10, 2, 3, 1]}, "refused": {}}})[0].lost
    2
    """
    told = event.get("sanitised")
    if told is None:
        return ()
    clients, refused = _mapping(told).get("clients"), _mapping(told).get("refused")
    reasons = {} if refused is None else _mapping(refused)
    return tuple(_client(name, counts, reasons.get(name)) for name, counts in _mapping(clients).items())


def _client(name: str, counts: Any, reason: Any) -> Sifted:
    known = [amount(each) for each in counts] if isinstance(counts, list) else []
    found = [each for each in known if each is not None]
    if len(found) != len(known) or len(found) != 4:
        raise StoreError("what a client's sanitisers did must be four counts")
    samples, poisoned, removed, caught = found
    if not (caught <= poisoned <= samples and caught <= removed <= samples and removed - caught <= samples - poisoned):
        raise StoreError("sanitisers removed more samples than there were")
    return Sifted(short(name), samples, poisoned, removed, caught, None if reason is None else short(str(reason)))


def alarm(event: Mapping[str, Any]) -> Alarm | None:
    """What the rollback made of a round; None without one.

    Raises:
        StoreError: it says something else than numbers, or restores a round that is not over.

    >>> alarm({"round": 4, "rollback": {"value": 1.9, "best": 1.5, "back_to": 3}})
    Alarm(value=1.9, best=1.5, back_to=3)
    """
    told = event.get("rollback")
    if told is None:
        return None
    back = _mapping(told).get("back_to")
    if back is not None and (type(back) is not int or not -1 <= back < event["round"]):
        raise StoreError("a rollback must restore a round before its own")
    return Alarm(_number(told.get("value")), _number(told.get("best")), back)


def smoothed(event: Mapping[str, Any]) -> Smoothed | None:
    """What the noisy vote was worth; None without smoothing.

    Raises:
        StoreError: it says something else than votes, shares and radii.

    >>> smoothed({"smoothed": {"votes": 9, "accuracy": 0.5, "certified": [[0.1, 0.4], [0.1, 0.4]]}}).certified
    ((0.1, 0.4),)
    """
    told = event.get("smoothed")
    if told is None:
        return None
    votes = amount(_mapping(told).get("votes"))
    if votes is None or votes > _MOST_VOTES:
        raise StoreError("a noisy vote must say how many copies voted")
    curve = told.get("certified") or []
    if not isinstance(curve, list) or not all(isinstance(point, list) and len(point) == 2 for point in curve):
        raise StoreError("a certificate must be a list of radii and shares")
    points = {(_number(radius) or 0.0, _share(share) or 0.0) for radius, share in curve}
    reason = told.get("uncertified")
    return Smoothed(
        votes=votes,
        accuracy=_share(told.get("accuracy")),
        asr=_share(told.get("asr")),
        certified=tuple(sorted(points)),
        uncertified=None if reason is None else short(str(reason)),
    )


def voted(event: Mapping[str, Any]) -> Voted | None:
    """How an ensemble's vote ended; None of any other run.

    Raises:
        StoreError: it says something else than shares.

    >>> voted({"accuracy": 0.9, "ensemble": {"accuracies": [0.8, 0.7], "certified": [0.9, 0.6]}}).certified
    (0.9, 0.6)
    """
    told = event.get("ensemble")
    if told is None:
        return None
    lists = [_mapping(told).get(key) for key in ("accuracies", "certified")]
    accuracies, certified = ([_share(each) for each in one] if isinstance(one, list) else [None] for one in lists)
    if not accuracies or None in accuracies or None in certified:
        raise StoreError("an ensemble must say how right its models are, and what is certain")
    return Voted(
        accuracy=_share(event.get("accuracy")),
        asr=_share(event.get("asr")),
        base_rate=_share((event.get("summary") or {}).get("base_rate")),
        accuracies=tuple(each for each in accuracies if each is not None),
        certified=tuple(each for each in certified if each is not None),
        abstained=_share(told.get("abstained")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise StoreError("what a procedure did must be an object")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _LARGEST:
        raise StoreError("what a procedure measured must be a number of sane size")
    return float(value)


def _share(value: Any) -> float | None:
    found = _number(value)
    if found is not None and not (math.isfinite(found) and 0 <= found <= 1):
        raise StoreError("a share outside [0, 1]")
    return found
