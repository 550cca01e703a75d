"""The published matrix is that of the committed runs: every behaviour, every strategy, and nothing left out that failed."""

from __future__ import annotations

import json

from bench.behaviours import BEHAVIOURS
from bench.federation import LIARS, applies
from bench.hostile import RESULTS
from bench.hostile_page import PAGE, page
from bench.strategies import REFUSED, STRATEGIES
from tests.docs.pages import ROOT

FOUND = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_every_cell_was_run():
    made = [(each["strategy"], each["behaviour"], each["liars"]) for each in FOUND["cells"]]
    expected = {
        (strategy, behaviour, liars)
        for strategy, way in STRATEGIES.items()
        for behaviour, known in BEHAVIOURS.items()
        for liars in range(1, len(LIARS) + 1)
        if applies(known, way)
    }
    assert len(made) == len(set(made))
    assert set(made) == expected
    assert set(FOUND["refused"]) == set(REFUSED)


def test_the_page_is_made_of_the_committed_runs():
    assert PAGE.read_text(encoding="utf-8") == page(FOUND)


def test_the_page_names_every_cell_that_the_guard_did_not_hold():
    text = PAGE.read_text(encoding="utf-8")
    for cell in FOUND["cells"]:
        for wrong in cell["guarded"]["wrong"]:
            assert wrong in text


def test_the_page_says_that_dp_wrappers_are_not_private_behind_the_guard():
    assert "keep no promise of privacy behind the guard" in PAGE.read_text(encoding="utf-8")


def test_the_front_page_leads_there():
    assert "docs/hostile.md" in (ROOT / "README.md").read_text(encoding="utf-8")
