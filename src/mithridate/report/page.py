"""One self-contained HTML page from facts: no script, no request, nothing but what the facts say."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from mithridate.report import chart, wording
from mithridate.report.accounts import Account, accounts, foiled_account
from mithridate.report.facts import Facts, RunFacts
from mithridate.report.gaps import Gap, limitations, untested
from mithridate.report.harm import BAR, Bar, Judgement, judgement, reference
from mithridate.report.reasons import meaning
from mithridate.report.sampling import Interval, accuracy_interval, asr_interval
from mithridate.report.settings import differences, spoken_defence
from mithridate.report.strip import KINDS, Strip, strip, summary
from mithridate.report.tally import Group, Record, groups, records, spans
from mithridate.report.threat import Threat, threats
from mithridate.report.verdict import Verdict, judge

__all__ = ["MOST_RECORDS", "Page", "Section", "environment", "made_of", "page_of", "page_style", "render"]

MOST_RECORDS = 80
_MOST_TABLE_ROUNDS = 100
_MOST_CURVES = 12
_MOST_TOML = 20_000


@dataclass(frozen=True)
class Section:
    """What the page says about one run.

    Args:
        run: Its facts.
        tone: The CSS class of its colour.
        guard: Its defence, in words.
        accuracy_within: The final accuracy's 95 % interval; None where it is not known.
        asr_within: The final attack success rate's.
        judged: Whether it was harmed; None where nobody attacked.
        groups: What became of lying and honest updates.
        excluded: The clients that were ever excluded, those with the most first; cut where there are very many.
        excluded_more: How many were cut.
        strip: The picture of all decisions; None where everybody counted.
        accounts: What procedures beside the guard came to.
        foiled: The lies that could not be made; None if all could.
        scenario: The TOML; cut where it is very long.
        made_of: What the run was made of, by name.
    """

    run: RunFacts
    tone: str
    guard: str
    accuracy_within: Interval | None
    asr_within: Interval | None
    judged: Judgement | None
    groups: tuple[Group, ...]
    excluded: tuple[Record, ...]
    excluded_more: int
    strip: Strip | None
    strip_text: str
    accounts: tuple[Account, ...]
    foiled: Account | None
    scenario: str
    made_of: tuple[tuple[str, str], ...]

    @property
    def names(self) -> bool:
        """Whether the guard leaves anybody out at all; a rule that judges coordinates does not."""
        return self.run.guarded and (bool(self.excluded) or (self.run.names_clients and not self.run.averages))

    def group(self, kind: str) -> Group | None:
        """One of the groups."""
        return next((group for group in self.groups if group.kind == kind), None)


@dataclass(frozen=True)
class Page:
    """Everything that the template shows.

    Args:
        verdict: What happened, in words.
        bar: What counts as harm.
        reference: The accuracy that losses are measured against; None without a run in which nobody lies.
        sections: One per run.
        panels: The curves.
        curves_left_out: Runs without a curve, for want of space.
        table_rounds: The rounds of the table behind the curves.
        threats: The attacks.
        untested: What was not tested.
        limitations: What the numbers cannot show.
        differences: The settings in which the runs differ.
        version: Of mithridate.
    """

    verdict: Verdict
    bar: Bar
    reference: float | None
    sections: tuple[Section, ...]
    panels: tuple[chart.Panel, ...]
    curves_left_out: int
    table_rounds: tuple[int, ...]
    threats: tuple[Threat, ...]
    untested: tuple[Gap, ...]
    limitations: tuple[str, ...]
    differences: tuple[tuple[str, tuple[str | None, ...]], ...]
    version: str

    @property
    def promises(self) -> tuple[Section, ...]:
        """The guarded runs that say what was proven of them."""
        return tuple(each for each in self.sections if each.run.guarded and each.run.assurance is not None)

    @property
    def tones(self) -> dict[str, str]:
        """The colour of every run, by its label."""
        return {section.run.label: section.tone for section in self.sections}


def render(facts: Facts) -> str:
    """The page, as HTML: a pure function of the facts."""
    style = page_style()
    sha = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment().get_template("page.html.j2")
    return template.render(page=page_of(facts), style=style, style_hash=sha)


def page_of(facts: Facts) -> Page:
    """Everything that is shown, worked out."""
    from mithridate import __version__

    numbers = sorted({each.number for run in facts.runs for each in run.rounds})
    return Page(
        verdict=judge(facts),
        bar=BAR,
        reference=None if (calm := reference(facts)) is None else calm.accuracy,
        sections=tuple(
            _section(run, tone, facts) for run, tone in zip(facts.runs, chart.tones(facts.runs), strict=True)
        ),
        panels=chart.panels(facts.runs[:_MOST_CURVES]),
        curves_left_out=max(0, len(facts.runs) - _MOST_CURVES),
        table_rounds=chart.sampled(numbers, _MOST_TABLE_ROUNDS),
        threats=threats(facts),
        untested=untested(facts),
        limitations=limitations(facts),
        differences=differences([run.settings for run in facts.runs]),
        version=__version__,
    )


def _section(run: RunFacts, tone: str, facts: Facts) -> Section:
    excluded = [record for record in records(run) if record.excluded]
    worth_seeing = bool(excluded or run.refused_rounds or run.challenges) or run.role == "unguarded"
    return Section(
        run=run,
        tone=tone,
        guard=spoken_defence(run.settings) if run.guarded else "none: plain mean",
        accuracy_within=accuracy_interval(run),
        asr_within=asr_interval(run),
        judged=judgement(run, facts) if run.attacked else None,
        groups=groups(run),
        excluded=tuple(excluded[:MOST_RECORDS]),
        excluded_more=max(0, len(excluded) - MOST_RECORDS),
        strip=strip(run) if worth_seeing else None,
        strip_text=summary(run),
        accounts=accounts(run),
        foiled=foiled_account(run),
        scenario=run.scenario if len(run.scenario) <= _MOST_TOML else run.scenario[:_MOST_TOML] + "\n… (cut)",
        made_of=made_of(run),
    )


def made_of(run: RunFacts) -> tuple[tuple[str, str], ...]:
    """What a run was made of, by name."""
    return tuple((term, wording.short(text, 500)) for term, text in _made_of(run))


def _made_of(run: RunFacts) -> Iterator[tuple[str, str]]:
    made = run.made_of
    yield "begun", str(made.get("time", wording.UNKNOWN))
    yield "seeds", ", ".join(str(seed) for seed in made["seeds"])
    yield "code", str(made.get("code_version", wording.UNKNOWN))
    packages = made.get("packages")
    if isinstance(packages, dict):
        yield "packages", ", ".join(f"{name} {version}" for name, version in packages.items())
    yield "python", f"{made.get('implementation', '')} {made.get('python', '')}".strip()
    yield "machine", f"{made.get('platform', '')}, {made.get('cpus', '?')} CPUs"
    yield "data", str(made["data"].get("provenance"))
    yield "data digest", str(made["data"].get("digest"))
    yield "configuration digest", str(made["config_digest"])
    yield "model digest", run.model_digest or wording.UNKNOWN


@cache
def page_style() -> str:
    """The style sheet of every page."""
    return (files("mithridate.report") / "templates" / "page.css").read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """How templates are read: everything is escaped, and nothing may be missing."""
    made = Environment(
        loader=PackageLoader("mithridate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(KINDS=KINDS, WIDTH=chart.WIDTH, HEIGHT=chart.HEIGHT)
    made.filters.update(
        percent=wording.percent,
        points=wording.points,
        number=wording.number,
        interval=wording.interval,
        nth=wording.nth,
        seconds=wording.seconds,
        spans=spans,
        meaning=meaning,
        counted=wording.count,
    )
    return made
