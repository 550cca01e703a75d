"""The verdict in words: what happened, computed from the facts, and held against a bar that the page states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mithridate.report.accounts import accounts
from mithridate.report.cautions import warnings
from mithridate.report.facts import Facts, RunFacts
from mithridate.report.harm import BAR, Bar, Judgement, judgement, reference
from mithridate.report.sampling import accuracy_interval, asr_interval
from mithridate.report.settings import amount, name_of_part, spoken_defence, table
from mithridate.report.tally import Group, groups
from mithridate.report.wording import count, interval, listed, nth, percent, points

__all__ = ["Paragraph", "State", "Verdict", "judge"]

State = Literal["held", "partly", "failed", "open"]


@dataclass(frozen=True)
class Paragraph:
    """What happened in one run, in sentences."""

    run: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What is said first.

    Args:
        state: Whether the guards held.
        headline: In one sentence.
        contrast: What a guard changed, in numbers; empty without runs of both kinds.
        paragraphs: What happened, run by run.
        warnings: What weakens the comparison.
    """

    state: State
    headline: str
    contrast: str
    paragraphs: tuple[Paragraph, ...]
    warnings: tuple[str, ...]


def judge(facts: Facts, bar: Bar = BAR) -> Verdict:
    """The verdict on the runs of a report."""
    state, headline = _headline(facts, bar)
    told = tuple(Paragraph(run.label, " ".join(_told(run, facts, bar))) for run in _in_order(facts))
    return Verdict(state, headline, _contrast(facts), told, warnings(facts))


def _in_order(facts: Facts) -> tuple[RunFacts, ...]:
    """As the story goes: without attack, without guard, with both."""
    return tuple(
        run for role in ("clean", "peaceful", "unguarded", "guarded") for run in facts.runs if run.role == role
    )


def _headline(facts: Facts, bar: Bar) -> tuple[State, str]:
    guarded = [judgement(run, facts, bar) for run in facts.of("guarded")]
    bare = [judgement(run, facts, bar) for run in facts.of("unguarded")]
    if not guarded and not bare:
        return "open", "Nobody lied: these runs say how training goes in peace, and nothing about attacks."
    unknown = next((each.unknown for each in (guarded or bare) if each.unknown), None)
    if unknown:
        return "open", f"No verdict: {unknown}."
    if not guarded:
        if all(each.unharmed for each in bare):
            return "open", "The attack did no harm, though nobody was guarded."
        return "failed", "The attack worked: no guard stood in its way."
    return _on_guards(guarded, [each for each in bare if each.unknown is None])


def _on_guards(guarded: list[Judgement], bare: list[Judgement]) -> tuple[State, str]:
    held = sum(each.unharmed for each in guarded)
    passing = sum(each.harms == ("passing",) for each in guarded)
    if held + passing == 0:
        return "failed", "The guard did not hold." if len(guarded) == 1 else "None of the guards held."
    if held < len(guarded):
        if len(guarded) == 1:
            return "partly", "The guard held in the end, but not throughout."
        return "partly", f"{held} of {len(guarded)} guards held{' throughout' if passing else ''}."
    if not bare:
        return "open", "No harm came to the guarded run; what the attack does without a guard is not shown."
    if all(each.unharmed for each in bare):
        return "open", "The attack did no harm, guarded or not: this says nothing about the guard."
    return "held", "The guard held." if held == 1 else f"All {held} guards held."


def _contrast(facts: Facts) -> str:
    guarded, bare = facts.of("guarded"), facts.of("unguarded")
    if not guarded or not bare:
        return ""
    said = []
    if all(run.asr is not None for run in (*guarded, *bare)):
        without, behind = _range([run.asr for run in bare]), _range([run.asr for run in guarded])
        rates = [run.backdoor.base_rate for run in (*bare, *guarded) if run.backdoor is not None]
        untriggered = "" if None in rates else f" Without the trigger it takes {_range(rates)}."
        said.append(
            f"Without a guard, the attacker’s target took {without} of triggered samples; with one, {behind}.{untriggered}"
        )
    without, behind = _range([run.accuracy for run in bare]), _range([run.accuracy for run in guarded])
    clean = reference(facts)
    peace = "" if clean is None else f", {percent(clean.accuracy)} without an attack"
    said.append(f"Accuracy: {behind} with a guard, {without} with none{peace}.")
    return " ".join(said)


def _range(shares: Sequence[float | None]) -> str:
    known = sorted(share for share in shares if share is not None)
    if not known:
        return percent(None)
    low, high = percent(known[0]), percent(known[-1])
    return low if low == high else f"{low} to {high}"


def _told(run: RunFacts, facts: Facts, bar: Bar) -> Iterator[str]:
    if not run.attacked:
        yield "Nobody lied."
        yield _defence(run)
        yield f"The accuracy ended at {_ended(run)}."
    else:
        yield _who_lied(run)
        yield from _foiled(run)
        yield _defence(run)
        yield _outcome(run, facts)
        found = judgement(run, facts, bar)
        if run.guarded and found.unknown is None:
            yield _harmed_or_not(found, bar)
    if run.guarded:
        yield from _excluded(run)
    yield from (each.sentences[0] for each in accounts(run))


def _defence(run: RunFacts) -> str:
    return f"The guard was {spoken_defence(run.settings)}." if run.guarded else "There was no guard."


def _who_lied(run: RunFacts) -> str:
    attack = table(run.settings, "attack")
    ready = amount(attack.get("liars")) or 0
    if not run.liars and run.voted is None:
        return f"{count(ready, 'liar')} stood ready and did not lie."
    means = [name for slot in ("update", "data") if (name := name_of_part(attack, slot))]
    trigger = name_of_part(attack, "trigger")
    if trigger is not None:
        means.append(f"a backdoor ({trigger} trigger)")
    by = f" with {listed(means)}" if means else ""
    since = f" from round {nth(run.onset)} on" if run.onset else ""
    lying = ready if run.voted is not None else len(run.liars)
    return f"{lying} of {count(run.enrolled, 'client')} lied{since}{by}."


def _foiled(run: RunFacts) -> Iterator[str]:
    if run.foiled_rounds:
        first = run.foiled_rounds[0]
        yield (
            f"In {len(run.foiled_rounds)} of {count(len(run.rounds), 'round')} the lie could not be made, and the liars sent "
            f"what they had trained; first in round {nth(first.number)}: {first.foiled}."
        )


def _ended(run: RunFacts) -> str:
    spoken = interval(accuracy_interval(run))
    return percent(run.accuracy) + (f" ({spoken})" if spoken else "")


def _outcome(run: RunFacts, facts: Facts) -> str:
    clean = reference(facts)
    said = f"The accuracy ended at {_ended(run)}"
    if clean is not None and clean.accuracy is not None and run.accuracy is not None:
        change = run.accuracy - clean.accuracy
        same = abs(change) < 0.0005
        said += (
            ", as in the clean run"
            if same
            else f", {points(change)} {'above' if change > 0 else 'below'} the clean run"
        )
    return f"{said}{_backdoored(run)}."


def _backdoored(run: RunFacts) -> str:
    last, worst = run.backdoor, run.worst_asr
    if last is None:
        return ""
    spoken = interval(asr_interval(run))
    said = f", and {percent(last.asr)}{f' ({spoken})' if spoken else ''} of triggered samples are taken for the attacker’s target"
    if last.base_rate is not None:
        said += f", against {percent(last.base_rate)} without the trigger"
    if worst is not None and run.healed:
        against = f" against {percent(worst.base_rate)}" if worst.base_rate is not None else ""
        said += f" (at worst {percent(worst.asr)}{against}, after round {nth(worst.number)})"
    if run.lasted is not None:
        within = count(run.lasted.rounds, "round")
        held = (
            "half of the backdoor was gone within" if run.lasted.halved else "more than half of the backdoor outlived"
        )
        said += f"; after the liars left, {held} {within}"
    return said


def _harmed_or_not(found: Judgement, bar: Bar) -> str:
    said = {
        "backdoor": f"the backdoor works: the trigger adds more than {points(bar.asr)} to the target’s share",
        "passing": f"for a while the backdoor worked: the trigger added more than {points(bar.asr)} to the target’s share",
        "accuracy": f"the accuracy is more than {points(bar.accuracy_loss)} lower than without an attack",
        "class": f"the weakest class is more than {points(bar.class_loss)} weaker than without an attack",
    }
    if found.unharmed:
        return "That counts as unharmed."
    return f"That counts as harmed: {listed([said[harm] for harm in found.harms])}."


def _excluded(run: RunFacts) -> Iterator[str]:
    if run.averages:
        return
    found = {group.kind: group for group in groups(run)}
    honest = [found[kind] for kind in ("minority", "honest") if kind in found]
    parts = [_kept_out(found["liar"], "lying update")] if "liar" in found else []
    if honest:
        whole = sum(group.excluded for group in honest), sum(group.judged for group in honest)
        parts.append(f"{whole[0]:,} of {count(whole[1], 'honest update')} ({percent(whole[0] / whole[1])})")
    excluded = any(group.excluded for group in found.values())
    if run.judges_coordinates and not excluded:
        yield "Its rule judges coordinates, not clients: it accuses nobody."
    elif parts:
        yield f"The guard left out {listed(parts)}."
    if "minority" in found and found["minority"].excluded:
        yield f"Honest clients with unlike data lost {_kept_out(found['minority'], 'update')}."
    liar = found.get("liar")
    if liar is not None and liar.say is not None:
        yield f"Lying updates were {percent(liar.headcount)} of all that arrived and had {percent(liar.say)} of the say."
    if run.refused_rounds:
        first = run.refused_rounds[0]
        yield (
            f"In {len(run.refused_rounds)} of {count(len(run.rounds), 'round')} the guard refused to decide and left the model "
            f"as it was; first in round {nth(first.number)}: {first.refused}."
        )


def _kept_out(group: Group, noun: str) -> str:
    return f"{group.excluded:,} of {count(group.judged, noun)} ({percent(group.rate)})"
