"""The page of a real federation: nobody knows who lies, and nothing is held against a bar. What was decided, of whom, and why."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from mithridate.report import chart
from mithridate.report.claims import HIGH, WIDE, Claim
from mithridate.report.facts import Facts, RunFacts
from mithridate.report.page import MOST_RECORDS, environment, made_of, page_style
from mithridate.report.rounds import Round
from mithridate.report.settings import spoken_guard, table
from mithridate.report.strip import Strip, strip, summary
from mithridate.report.tally import Record, records, spans
from mithridate.report.wording import UNKNOWN, bytes_spoken, count, listed, number, percent, seconds

__all__ = ["FederationPage", "FederationSection", "federation_page", "render_federation"]

_MOST_NAMED = 6
_MOST_TABLE_ROUNDS = 100
_MOST_TOML = 20_000


@dataclass(frozen=True)
class FederationSection:
    """What the page says about one run.

    Args:
        run: Its facts.
        tone: The CSS class of its colour.
        guard: Who decided, in words.
        figures: What there is to know at a glance, by name.
        odd: The clients that were left out or did not answer at least once, those left out most first; cut where there are many.
        odd_more: How many were cut.
        strip: The picture of all decisions; None before the first round.
        strip_text: The same in a sentence.
        without: Rounds that brought no new model, or not the guard's, and why.
        cautions: What the guard's promise rests on and does not have.
        made_of: What the run was made of, by name.
        scenario: The guard as TOML; cut where it is very long.
        told: The rounds of the table of claims.
    """

    run: RunFacts
    tone: str
    guard: str
    figures: tuple[tuple[str, str], ...]
    odd: tuple[Record, ...]
    odd_more: int
    strip: Strip | None
    strip_text: str
    without: tuple[tuple[str, str], ...]
    cautions: tuple[str, ...]
    made_of: tuple[tuple[str, str], ...]
    scenario: str
    told: tuple[int, ...]

    def said(self, claim: Claim, round: int) -> float | None:
        """A claim's value after a round."""
        return dict(claim.values).get(round)


@dataclass(frozen=True)
class FederationPage:
    """Everything that the template shows.

    Args:
        state: CSS class and word of what became of the runs.
        headline: What happened, in one sentence.
        told: The same per run, in sentences.
        sections: One per run.
        version: Of mithridate.
    """

    state: tuple[str, str]
    headline: str
    told: tuple[tuple[str, str], ...]
    sections: tuple[FederationSection, ...]
    version: str

    @property
    def tones(self) -> dict[str, str]:
        """The colour of every run, by its label."""
        return {section.run.label: section.tone for section in self.sections}


def render_federation(facts: Facts) -> str:
    """The page, as HTML: a pure function of the facts."""
    style = page_style()
    sha = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment().get_template("federation.html.j2")
    return template.render(page=federation_page(facts), style=style, style_hash=sha, WIDE=WIDE, HIGH=HIGH)


def federation_page(facts: Facts) -> FederationPage:
    """Everything that is shown, worked out."""
    from mithridate import __version__

    return FederationPage(
        state=_state(facts),
        headline=_headline(facts),
        told=tuple((run.label, " ".join(_told(run))) for run in facts.runs),
        sections=tuple(_section(run, tone) for run, tone in zip(facts.runs, chart.tones(facts.runs), strict=True)),
        version=__version__,
    )


def _state(facts: Facts) -> tuple[str, str]:
    states = {run.status for run in facts.runs}
    if "failed" in states:
        return "failed", "Failed"
    return ("open", "Not finished") if "unfinished" in states else ("done", "Finished")


def _headline(facts: Facts) -> str:
    rounds = [each for run in facts.runs for each in run.rounds if not each.challenge]
    moved = sum(each.refused is None for each in rounds)
    if not rounds:
        return "No round has been held yet."
    if moved == len(rounds):
        return "The one round came to a new model." if moved == 1 else f"All {moved:,} rounds came to a new model."
    return f"{moved or 'None'} of {count(len(rounds), 'round')} came to a new model."


def _told(run: RunFacts) -> Iterator[str]:
    if run.status == "failed":
        yield f"The run failed after {count(len(run.rounds), 'round')}: {run.error}."
    elif run.status == "unfinished":
        yield f"The run is not finished: {count(len(run.rounds), 'round')} are done."
    yield f"The guard is {spoken_guard(table(run.settings, 'guard'))}."
    arrived = [fate for each in _decided(run) for fate in each.fates if fate.arrived]
    out = sum(fate.excluded for fate in arrived)
    if not arrived:
        return
    if run.judges_coordinates and not out:
        yield "Its rule judges coordinates, not clients: it leaves nobody out."
        return
    yield f"Of {count(len(arrived), 'update')} that arrived, {out:,} were left out ({percent(out / len(arrived))})."
    mostly = [record.client for record in records(run) if 2 * len(record.excluded) > _answers(record)]
    if mostly:
        more = len(mostly) - _MOST_NAMED
        named = listed([*mostly[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])])
        yield f"Left out more often than heard: {named}."


def _decided(run: RunFacts) -> list[Round]:
    return [each for each in run.rounds if each.refused is None and not each.challenge]


def _answers(record: Record) -> int:
    return len(record.excluded) + len(record.rounds.get("counted", ()))


def _section(run: RunFacts, tone: str) -> FederationSection:
    odd = [record for record in records(run) if record.excluded or record.rounds.keys() & {"absent", "late", "failed"}]
    numbers = sorted({round for claim in run.claims for round, _ in claim.values})
    return FederationSection(
        run=run,
        tone=tone,
        guard=spoken_guard(table(run.settings, "guard")),
        figures=tuple(_figures(run)),
        odd=tuple(odd[:MOST_RECORDS]),
        odd_more=max(0, len(odd) - MOST_RECORDS),
        strip=strip(run),
        strip_text=summary(run),
        without=tuple(_without(run)),
        cautions=() if run.promised is None else run.promised.cautions,
        made_of=made_of(run),
        scenario=run.scenario if len(run.scenario) <= _MOST_TOML else run.scenario[:_MOST_TOML] + "\n… (cut)",
        told=chart.sampled(numbers, _MOST_TABLE_ROUNDS),
    )


def _figures(run: RunFacts) -> Iterator[tuple[str, str]]:
    rounds = run.rounds
    moved = sum(each.refused is None and not each.challenge for each in rounds)
    fallen = sum(each.fell_back is not None for each in rounds)
    yield (
        "rounds",
        f"{len(rounds):,}, of which {moved:,} came to a new model"
        + (f" ({fallen:,} by the rule that stepped in)" if fallen else ""),
    )
    yield "clients asked", f"{len(run.clients):,}"
    heard = sorted(sum(fate.arrived for fate in each.fates) for each in rounds)
    yield "answers per round", f"{heard[0]:,} to {heard[-1]:,}" if heard else UNKNOWN
    yield "borne", _borne(run)
    yield "guard, per round", seconds(run.guard_s)
    yield "training, per round", seconds(_mean([each.wait_s for each in rounds]))
    yield "received, per round", bytes_spoken(_mean([each.bytes_up for each in rounds]))
    yield "quality of the model", "not measured here" if run.accuracy is None else percent(run.accuracy)


def _borne(run: RunFacts) -> str:
    if run.promised is None or run.promised.promise.f is None:
        return "the guard does not say how many liars it bears"
    found = run.promised.promise
    proven = f"κ = {number(found.kappa)}" if found.kappa is not None else "nothing is proven beyond that"
    return f"{count(found.f or 0, 'liar')} among {count(found.n, 'client')}; {proven}"


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _without(run: RunFacts) -> Iterator[tuple[str, str]]:
    """Consecutive rounds of one cause in one line."""
    odd = [(each, each.refused or each.fell_back) for each in run.rounds if each.refused or each.fell_back]
    for (why, refused), some in groupby(odd, lambda pair: (pair[1], pair[0].refused is not None)):
        became = "the model stayed as it was" if refused else "another rule stepped in"
        yield spans(each.number for each, _ in some), f"{became}: {why}"
