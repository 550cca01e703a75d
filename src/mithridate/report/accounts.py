"""What each procedure beside the guard came to in a run: sentences, a table with the worst first, and plain figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mithridate.report.facts import RunFacts
from mithridate.report.rounds import Fate, Round
from mithridate.report.settings import amount, table
from mithridate.report.sifting import sifting
from mithridate.report.table import Table, cut
from mithridate.report.tally import Kind, sender, spans
from mithridate.report.wording import UNKNOWN, count, listed, nth, number, percent

__all__ = ["Account", "accounts", "foiled_account"]

_CHANGED_LABEL = 2**0.5
_WHO: Mapping[Kind, str] = {"liar": "liar", "minority": "honest, unlike data", "honest": "honest"}


@dataclass(frozen=True)
class Account:
    """One procedure in one run.

    Args:
        procedure: Its name.
        sentences: What it came to, the most important first.
        table: The same in detail, the worst first; None where sentences say all.
        figures: For programs: plain values; rounds count from 0.
    """

    procedure: str
    sentences: tuple[str, ...]
    table: Table | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        return " ".join(self.sentences)


def accounts(run: RunFacts) -> tuple[Account, ...]:
    """The procedures of a run, in the order in which a round meets them."""
    found = (_sanitised(run), _challenged(run), _tuned(run), _rolled_back(run), _smoothed(run), _voted(run))
    return tuple(each for each in found if each is not None)


def _sanitised(run: RunFacts) -> Account | None:
    found = sifting(run)
    if found is None:
        return None
    figures = {"samples": found.samples, "poisoned": found.poisoned, "removed": found.removed, "caught": found.caught}
    return Account("sanitation", found.sentences, found.table, figures)


def _challenged(run: RunFacts) -> Account | None:
    if not run.challenges:
        return None
    fates = [(each.number, fate) for each in run.challenges for fate in each.fates]
    answered = [fate for _, fate in fates if fate.status in ("passed", "failed")]
    failed: dict[str, list[tuple[int, Fate]]] = defaultdict(list)
    for round, fate in fates:
        if fate.status == "failed":
            failed[fate.client].append((round, fate))
    kinds: tuple[tuple[Kind, str], ...] = (("liar", "lying"), ("minority", "honest unlike"), ("honest", "other honest"))
    tally = {kind: [fate.status == "failed" for fate in answered if sender(fate) == kind] for kind, _ in kinds}
    rates = [
        f"{sum(tally[kind])} of {count(len(tally[kind]), f'{word} answer')}" for kind, word in kinds if tally[kind]
    ]
    posed = count(len(run.challenges), "challenge")
    said = (
        f"{posed[0].upper() + posed[1:]}: {listed(rates)} failed." if answered else f"Nobody answered {posed}.",
        f"In these {_of(run, len(run.challenges))} the right answer was known, and nothing was learnt.",
    )
    order = sorted(failed, key=lambda client: (-len(failed[client]), client))
    rows = [_failure(client, failed[client]) for client in order]
    return Account(
        "challenge",
        said,
        cut(("client", "who", "failed in rounds", "how"), rows, f"{count(len(failed), 'client')} failed at least once"),
        {
            "rounds": [each.number for each in run.challenges],
            "failed": {client: [round for round, _ in failed[client]] for client in order},
        },
    )


def _failure(client: str, seen: Sequence[tuple[int, Fate]]) -> tuple[str, ...]:
    reasons = Counter(fate.reason or "no reason recorded" for _, fate in seen)
    how = listed([f"{reason} ×{times}" if times > 1 else reason for reason, times in reasons.most_common()])
    who = _WHO["liar" if any(fate.liar for _, fate in seen) else sender(seen[0][1])]
    return client, who, spans(round for round, _ in seen), how


def _tuned(run: RunFacts) -> Account | None:
    how = table(table(run.settings, "server"), "fine-tuning")
    if "fine-tuning" not in table(run.settings, "server"):
        return None
    every = amount(how.get("every", 1)) or 1
    times = sum((each.number + 1) % every == 0 for each in run.rounds)
    root = amount(table(run.settings, "probes").get("root", 100))
    steps = amount(how.get("steps", 20))
    said = (
        (
            f"After {_of(run, times)} the server trained the model for {count(steps or 0, 'step')} on "
            f"{count(root or 0, 'clean sample')} of its own."
        ),
        "What that alone changed is not measured: compare a run without it.",
    )
    return Account("fine-tuning", said, None, {"times": times, "steps": steps, "samples": root})


def _rolled_back(run: RunFacts) -> Account | None:
    if not any(each.alarm for each in run.rounds):
        return None
    watch = table(table(run.settings, "server"), "rollback").get("watch", "loss")
    name = "attack success" if watch == "asr" else "loss"
    if not run.rolled_back:
        return Account("rollback", (f"The alarm watched the {name} and never rang: every round’s model stayed.",))
    undone = list(_undone(run))
    lost = [fate for some in undone for each in some for fate in each.fates if fate.status == "counted"]
    honest = count(sum(not fate.liar for fate in lost), "honest update")
    lies = count(sum(bool(fate.liar) for fate in lost), "lying one")
    said = [f"In {_of(run, len(undone))} the model gave way to an earlier one, and {honest} were undone with {lies}."]
    false = sum(
        not any(fate.liar and fate.status == "counted" for each in some for fate in each.fates) for some in undone
    )
    if false:
        said.append(
            f"{count(false, 'alarm')} of these {'was' if false == 1 else 'were'} false: no lie had counted since."
        )
    head = ("after round", f"its {name}", "best before", "model restored")
    shown = cut(head, _alarms(run), f"{count(len(undone), 'round')} rolled back", numbers=(1, 2))
    back = {str(each.number): each.alarm.back_to for each in run.rolled_back if each.alarm is not None}
    return Account("rollback", tuple(said), shown, {"rounds": back, "false": false})


def _undone(run: RunFacts) -> Iterator[list[Round]]:
    """For every rollback the rounds that it undid: those since the model that it restored, or since the last rollback."""
    last = -1
    for each in run.rolled_back:
        back_to = -1 if each.alarm is None or each.alarm.back_to is None else each.alarm.back_to
        yield [some for some in run.rounds if max(last, back_to) < some.number <= each.number]
        last = each.number


def _alarms(run: RunFacts) -> list[tuple[str, ...]]:
    """The rollbacks, the greatest rise first."""
    found = [(each.number, each.alarm) for each in run.rolled_back if each.alarm is not None]
    found.sort(key=lambda pair: (pair[1].value is not None, -(pair[1].value or 0.0), pair[0]))
    return [
        (
            str(nth(round)),
            "infinite" if alarm.value is None else number(alarm.value),
            number(alarm.best),
            "the initial one" if alarm.back_to == -1 else f"of round {nth(alarm.back_to or 0)}",
        )
        for round, alarm in found
    ]


def _smoothed(run: RunFacts) -> Account | None:
    found = run.smoothed
    if found is None:
        if "smoothing" not in table(run.settings, "server"):
            return None
        return Account("smoothing", ("The model is clipped and perturbed in every round; the vote has not been held.",))
    curve = [(number(radius), percent(share)) for radius, share in reversed(found.certified)]
    head = ("change of each poisoned sample, at most", "right for certain")
    shown = cut(head, curve, "The certificate, radius by radius", numbers=(1,)) if curve else None
    figures = {
        "votes": found.votes, "accuracy": found.accuracy, "asr": found.asr,
        "certified": [list(point) for point in found.certified], "uncertified": found.uncertified,
    }  # fmt: skip
    return Account("smoothing", tuple(_vote(run)), shown, figures)


def _vote(run: RunFacts) -> Iterator[str]:
    found = run.smoothed
    if found is None:
        return
    alone = "" if run.accuracy is None else f", the model alone on {percent(run.accuracy)}"
    copies = "1 noisy copy" if found.votes == 1 else f"{found.votes:,} noisy copies"
    yield f"A vote of {copies} is right on {percent(found.accuracy)}{alone}."
    if found.asr is not None:
        yield f"It takes {percent(found.asr)} of triggered samples for the attacker’s target."
    if found.uncertified is not None:
        yield f"Nothing is certain: {found.uncertified}."
    elif not found.certified:
        yield "Nothing is certain: the vote is nowhere clear enough."
    else:
        radius, share = found.certified[-1]
        yield f"On {percent(share)} it is right for certain while each poisoned sample is changed by at most {number(radius)}."
        if radius < _CHANGED_LABEL:
            yield "Changing a label alone is a change of 1.41: no backdoor that does so is covered."


def _voted(run: RunFacts) -> Account | None:
    found = run.voted
    if found is None:
        return None
    mean = sum(found.accuracies) / len(found.accuracies)
    said = [
        (
            f"A vote of {count(len(found.accuracies), 'model')} is right on {percent(found.accuracy)}, "
            f"one of them alone on {percent(mean)} (the worst on {percent(min(found.accuracies))})."
        )
    ]
    if found.asr is not None:
        said.append(
            f"The backdoor works on {percent(found.asr)}, against {percent(found.base_rate)} without the trigger."
        )
    if found.abstained:
        said.append(f"On {percent(found.abstained)} it is not sure whatever anybody does.")
    said.append(
        "The models’ own runs lie in its folder." if found.certified else "Nothing is certain: more models are needed."
    )
    rows = [(str(m), percent(share)) for m, share in enumerate(found.certified)]
    shown = (
        cut(("malicious clients more", "right for certain"), rows, "The certificate", numbers=(1,)) if rows else None
    )
    figures = {
        "models": len(found.accuracies),
        "accuracies": list(found.accuracies),
        "certified": list(found.certified),
    }
    return Account("ensemble", tuple(said), shown, figures)


def foiled_account(run: RunFacts) -> Account | None:
    """The rounds in which the lie could not be made, the most frequent reason first; None if there is none."""
    if not run.foiled_rounds:
        return None
    rounds: dict[str, list[int]] = defaultdict(list)
    for each in run.foiled_rounds:
        rounds[each.foiled or UNKNOWN].append(each.number)
    order = sorted(rounds, key=lambda reason: (-len(rounds[reason]), reason))
    said = f"In {_of(run, len(run.foiled_rounds))} the lie could not be made, and the liars sent what they had trained."
    rows = [(reason, str(len(rounds[reason])), spans(rounds[reason])) for reason in order]
    shown = cut(("reason", "times", "in rounds"), rows, "Why the lie could not be made", numbers=(1,))
    return Account("attack-foiled", (said,), shown, {"reasons": {reason: rounds[reason] for reason in order}})


def _of(run: RunFacts, times: int) -> str:
    return f"{times} of {count(len(run.rounds), 'round')}"
