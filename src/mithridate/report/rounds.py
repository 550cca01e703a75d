"""One round of a journal as frozen values: what was measured, and what became of every client that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.guard.guard import CHALLENGED
from mithridate.report.assurance import Measured, measured
from mithridate.report.procedures import Alarm, Sifted, alarm, sifted
from mithridate.report.settings import amount
from mithridate.report.wording import short

__all__ = ["Fate", "Round", "round_of"]

_LARGEST = 1e300
_PASSED = "challenge-passed"


@dataclass(frozen=True)
class Fate:
    """What became of one client in one round.

    Args:
        client: Its id; a stranger's text.
        liar: Whether it lied in this round; None in a real federation. Only a laboratory knows.
        minority: Whether its data are unlike the others'.
        status: counted, dropped (by the guard), refused (at admission), absent or late; in a challenge, whose answers are
            judged and not aggregated, passed or failed.
        share: How much it counted; None where the rule does not say.
        stage: Who spoke about it.
        reason: What was said, as a code.
        score: The number that it was judged by; None where there is none.
        threshold: The bound that the score was held against.
    """

    client: str
    liar: bool | None
    minority: bool
    status: str
    share: float | None = None
    stage: str | None = None
    reason: str | None = None
    score: float | None = None
    threshold: float | None = None

    @property
    def arrived(self) -> bool:
        """Whether there was an update to judge."""
        return self.status in ("counted", "dropped", "refused")

    @property
    def excluded(self) -> bool:
        return self.status in ("dropped", "refused")


@dataclass(frozen=True)
class Round:
    """One round.

    Args:
        number: From 0, as in the journal; people are told `report.wording.nth`.
        accuracy: Of the global model after the round, in [0, 1]; None where it was not measured.
        asr: Attack success rate, in [0, 1]; None without a trigger.
        per_class: Accuracy on each class, in [0, 1]; None for a class without test samples.
        base_rate: How often the trigger's target is answered without the trigger, in [0, 1]; None where not recorded.
        refused: Why the guard refused the whole round; None if it did not.
        victims: Samples on which the attack success rate was measured; None where not recorded.
        foiled: Why the lie could not be made, so that the liars sent what they had trained; None if it was, or none was due.
        measured: How far the aggregate was from the honest mean; None where that was not recorded.
        fates: One per client that was asked.
        challenge: Whether it was one: its answers were judged, and nothing was aggregated.
        sifted: What the clients' sanitisers did to their samples; empty without any.
        alarm: What the rollback made of it; None without one.
        fell_back: Why the guard refused, where another rule stepped in.
        guard_s: What admission and guard took.
        wait_s: What training took, as the server sees it.
        bytes_up: What the clients sent.
    """

    number: int
    accuracy: float | None
    asr: float | None
    per_class: tuple[float | None, ...]
    refused: str | None
    fates: tuple[Fate, ...]
    guard_s: float | None = None
    wait_s: float | None = None
    fell_back: str | None = None
    bytes_up: float | None = None
    base_rate: float | None = None
    foiled: str | None = None
    victims: int | None = None
    measured: Measured | None = None
    challenge: bool = False
    sifted: tuple[Sifted, ...] = ()
    alarm: Alarm | None = None

    @property
    def lift(self) -> float | None:
        """How much more often the target is answered with the trigger than without: what the backdoor is good for."""
        return None if self.asr is None else self.asr - (self.base_rate or 0.0)


def round_of(event: Mapping[str, Any]) -> Round:
    """A round from its event.

    Raises:
        StoreError: a share outside [0, 1], a number beyond every sane size.
    """
    challenge = event.get("refused") == CHALLENGED
    return Round(
        number=event["round"],
        accuracy=_share(event.get("accuracy")),
        asr=_share(event.get("asr")),
        per_class=tuple(_share(value) for value in event.get("per_class") or ()),
        refused=None if challenge else _cut(event.get("refused")),
        fates=tuple(_fate(client, challenge) for client in event.get("clients", ())),
        guard_s=_real((event.get("seconds") or {}).get("guard")),
        wait_s=_real((event.get("seconds") or {}).get("train")),
        fell_back=_cut(event.get("fell_back_from")),
        bytes_up=_real(event.get("bytes_up")),
        base_rate=_share(event.get("base_rate")),
        foiled=_cut(event.get("attack_foiled")),
        victims=amount(event.get("victims")),
        measured=measured(event),
        challenge=challenge,
        sifted=sifted(event),
        alarm=alarm(event),
    )


def _fate(client: Mapping[str, Any], challenge: bool) -> Fate:
    reason = _cut(client.get("reason"))
    status = client["status"]
    if challenge and status == "dropped":
        status = "passed" if reason == _PASSED else "failed"
    return Fate(
        client=short(client["client"]),
        liar=None if client.get("liar", False) is None else bool(client.get("liar")),
        minority=bool(client.get("minority")),
        status=status,
        share=_real(client.get("share")),
        stage=_cut(client.get("stage")),
        reason=reason,
        score=_real(client.get("score")),
        threshold=_real(client.get("threshold")),
    )


def _cut(text: str | None) -> str | None:
    return None if text is None else short(text)


def _share(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise StoreError("an accuracy or success rate outside [0, 1]")
    return None if value is None else float(value)


def _real(value: float | None) -> float | None:
    if value is not None and not abs(value) <= _LARGEST:  # JSON has whole numbers that no float can hold
        raise StoreError("a number beyond every sane size")
    return None if value is None else float(value)
