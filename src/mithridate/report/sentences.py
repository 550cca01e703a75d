"""What a matrix comes to, in words: a headline, and one sentence or two per defence."""

from __future__ import annotations

from collections.abc import Iterator

from mithridate.report.comparison import Comparison, Standing
from mithridate.report.figures import Figures
from mithridate.report.wording import count, percent, points, seconds

__all__ = ["contrast", "headline", "sentences"]

_NOTHING = 0.01
_MANY = 0.05


def headline(found: Comparison) -> str:
    """The defence whose worst case is least bad, and how bad that is."""
    guards = [each for each in found.standings if each.worst is not None and each.defence not in found.plain]
    if not guards:
        return "Nothing under attack has been measured yet"
    best = guards[0]
    if best.worst is None or best.worst.damage is None or best.worst.damage.mean < _NOTHING:
        return f"{best.defence} held against every attack that it met"
    return f"{best.defence} stands best: at worst it loses {points(best.worst.damage.mean)}, to {best.worst.attack}"


def contrast(found: Comparison) -> str | None:
    """What the same attacks do to the plain mean; how much of the matrix has figures."""
    bare = next((each for each in found.standings if each.defence in found.plain and each.worst is not None), None)
    lost = sum(each.missing for each in found.standings)
    total = sum(each.cells for each in found.standings)
    said = []
    if bare is not None and bare.worst is not None and bare.worst.damage is not None:
        said.append(f"Without a defence, {bare.worst.attack} takes {points(bare.worst.damage.mean)}.")
    if lost:
        said.append(f"{lost} of {count(total, 'run')} have no figures: worst cases can only get worse.")
    return " ".join(said) or None


def sentences(standing: Standing) -> str:
    """One defence in words."""
    return " ".join(_told(standing))


def _told(standing: Standing) -> Iterator[str]:
    worst = standing.worst
    if worst is None or worst.damage is None:
        yield "Not measured under any attack yet."
    elif worst.damage.mean < _NOTHING:
        yield "No attack that it met did any damage worth a percentage point."
    else:
        yield f"Hit worst by {_where(worst)}: {_how(worst)}."
    low = standing.worst_accuracy
    if low is not None and low is not worst and low.accuracy is not None:
        yield f"Its accuracy is least under {_where(low)}, {percent(low.accuracy.mean)}."
    if standing.cost is not None:
        yield f"{_cost(standing.cost.mean)}."
    if standing.caught is not None:
        yield f"It left out {percent(standing.caught, 0)} of the lying updates{_honest(standing)}."
    if standing.models > 1:
        yield f"It trains {standing.models} models, and they vote{_certain(standing.certified)}."
    if standing.missing:
        yield f"{standing.missing} of its {count(standing.cells, 'run')} have no figures."
    if standing.guard_s is not None:
        yield f"One aggregation takes {seconds(standing.guard_s)}."


def _certain(share: float | None) -> str:
    return (
        "" if share is None else f": {percent(share)} of the answers are right for certain, whatever so many liars do"
    )


def _where(cell: Figures) -> str:
    return f"{cell.attack} ({cell.condition})" if cell.condition else cell.attack


def _how(cell: Figures) -> str:
    """What the damage is: a backdoor, or accuracy."""
    if cell.state == "diverged":
        return "its model went to infinity"
    lifts = [each.lift for each in cell.outcomes if each.lift is not None]
    damage = 0.0 if cell.damage is None else cell.damage.mean
    if cell.asr is not None and lifts and 2 * sum(lifts) / len(lifts) > damage:
        return f"the backdoor works on {percent(cell.asr.mean)}"
    left = "" if cell.accuracy is None else f", which leaves {percent(cell.accuracy.mean)}"
    return f"{points(damage)} of accuracy lost{left}"


def _cost(lost: float) -> str:
    if lost < -_NOTHING:
        return f"Without attackers it gains {points(lost)} on the plain mean"
    if lost < _NOTHING:
        return "Without attackers it costs nothing"
    return f"Without attackers it costs {points(lost)}"


def _honest(standing: Standing) -> str:
    """Whom it wrongly left out, if that is worth a word."""
    honest, minority = standing.honest_excluded, standing.minority_excluded
    said = []
    if honest is not None and honest >= _NOTHING:
        said.append(f"{percent(honest, 0)} of the honest ones")
    if minority is not None and minority >= max(_MANY, honest or 0.0):
        said.append(f"{percent(minority, 0)} of the honest ones with unlike data")
    return f", but also {' and '.join(said)}" if said else ", and next to no honest ones"
