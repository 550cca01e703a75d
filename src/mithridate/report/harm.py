"""What counts as harm: each attacked run held against a bar, or the reason why that cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mithridate.report.facts import Facts, RunFacts
from mithridate.report.rounds import Round

__all__ = ["BAR", "Bar", "Harm", "Judgement", "judgement", "reference"]

Harm = Literal["backdoor", "passing", "accuracy", "class"]
"""The backdoor works in the end; it worked for a while; accuracy is lost; the weakest class is lost."""

_LEARNT_OVER_CHANCE = 0.1


@dataclass(frozen=True)
class Bar:
    """Where harm begins; all in [0, 1].

    Args:
        accuracy_loss: Accuracy lost against the clean run.
        class_loss: Accuracy on the weakest class lost against the clean run's weakest class.
        asr: Attack success rate above the base rate, at which the target is answered without the trigger: a model that
            has hardly learnt answers any class often, and is not backdoored for that.
        learnt: A backdoor that works for a while counts from when the model has this part of its last accuracy: before, its
            answers mean little.
    """

    accuracy_loss: float
    class_loss: float
    asr: float
    learnt: float


BAR = Bar(accuracy_loss=0.03, class_loss=0.10, asr=0.10, learnt=0.8)


@dataclass(frozen=True)
class Judgement:
    """One attacked run before the bar.

    Args:
        harms: In which ways it is harmed; empty if it is not, or if that is not known.
        unknown: Why it cannot be judged; None if it can.
    """

    harms: tuple[Harm, ...] = ()
    unknown: str | None = None

    @property
    def unharmed(self) -> bool:
        return self.unknown is None and not self.harms


def reference(facts: Facts) -> RunFacts | None:
    """The run that losses are measured against: without attack and, if there is one, without guard."""
    return next(iter(facts.of("clean") + facts.of("peaceful")), None)


def judgement(run: RunFacts, facts: Facts, bar: Bar = BAR) -> Judgement:
    """Whether a run was harmed. What is not finished or not measured is not judged."""
    clean = reference(facts)
    unknown = _unmeasured(run) or _unmeasured_attack(run, clean) or (None if clean is None else _no_measure(clean))
    return Judgement(unknown=unknown) if unknown else Judgement(tuple(_harms(run, clean, bar)))


def _unmeasured(run: RunFacts) -> str | None:
    if run.status != "finished":
        return f"“{run.label}” is not finished"
    if run.voted is not None:
        return f"“{run.label}” is an ensemble, and its rounds are in the runs of its models"
    if not run.rounds or run.rounds[-1].accuracy is None:
        return f"“{run.label}” was not measured at its end"
    return None


def _unmeasured_attack(run: RunFacts, clean: RunFacts | None) -> str | None:
    if not run.liars:
        return f"nobody lied in “{run.label}”"
    if run.trigger is not None and run.rounds[-1].asr is None:
        return f"the backdoor of “{run.label}” was not measured at its end"
    if clean is None and run.asr is None:
        return f"there is no run without an attack to measure “{run.label}” against"
    return None


def _no_measure(clean: RunFacts) -> str | None:
    unmeasured = _unmeasured(clean)
    if unmeasured is None and clean.classes and (clean.accuracy or 0) < 1 / clean.classes + _LEARNT_OVER_CHANCE:
        return f"“{clean.label}” learnt nothing that could be lost"
    return unmeasured


def _harms(run: RunFacts, clean: RunFacts | None, bar: Bar) -> Iterator[Harm]:
    if run.backdoor is not None and (run.backdoor.lift or 0) > bar.asr:
        yield "backdoor"
    elif any((each.lift or 0) > bar.asr for each in _learnt(run, bar)):
        yield "passing"
    if clean is None:
        return
    if (run.accuracy or 0) < (clean.accuracy or 0) - bar.accuracy_loss:
        yield "accuracy"
    if run.weakest is not None and clean.weakest is not None and run.weakest < clean.weakest - bar.class_loss:
        yield "class"


def _learnt(run: RunFacts, bar: Bar) -> Iterator[Round]:
    """The rounds from the first lie on in which the model was good enough for its errors to mean something."""
    return (
        each
        for each in run.rounds
        if each.number >= (run.onset or 0) and (each.accuracy or 0) >= bar.learnt * (run.accuracy or 0)
    )
