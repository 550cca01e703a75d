"""The published matrix is that of the committed runs: every behaviour, every strategy, and nothing left out that failed."""

from __future__ import annotations

import json

import pytest

from bench.behaviours import BEHAVIOURS
from bench.federation import LIARS, applies
from bench.hostile import RESULTS
from bench.hostile_page import PAGE, TLS, page
from bench.hostile_tls import wrong
from bench.strategies import REFUSED, STRATEGIES
from bench.told import SENT
from tests.docs.pages import ROOT

FOUND = json.loads(RESULTS.read_text(encoding="utf-8"))
DEPLOYED = json.loads(TLS.read_text(encoding="utf-8"))


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
    assert PAGE.read_text(encoding="utf-8") == page(FOUND, DEPLOYED)


def test_the_page_names_every_cell_that_the_guard_did_not_hold():
    text = PAGE.read_text(encoding="utf-8")
    for cell in FOUND["cells"]:
        for each in cell["guarded"]["wrong"]:
            assert each in text


def test_over_tls_every_lie_was_told_in_its_round_and_named_for_what_it_is():
    told = [(cell["lie"], cell["round"], cell["said"], cell["wrong"]) for cell in DEPLOYED["cells"]]
    assert told == [(lie, number, sent.reason, []) for number, (lie, sent) in enumerate(SENT.items(), 1)]
    assert {sent.like for sent in SENT.values()} <= {*BEHAVIOURS, None}


@pytest.mark.parametrize(
    ("site", "liar", "reason", "odd"),
    [
        (("counted", None), ("refused", "shape"), "shape", 0),
        (("counted", None), ("counted", None), "counted", 0),
        (("counted", None), ("refused", "dtype"), "shape", 1),
        (("counted", None), ("counted", None), "shape", 1),
        (("counted", None), ("absent", "shape"), "shape", 1),
        (("dropped", "shape"), ("counted", None), "counted", 1),
        (("dropped", "shape"), ("counted", None), "shape", 2),
    ],
)
def test_a_round_over_tls_is_held_only_if_the_liar_and_nobody_else_is_named(site, liar, reason, odd):
    clients = [dict(zip(("client", "status", "reason"), (name, *fate), strict=True))
               for name, fate in (("site-1", site), ("liar-2", liar))]  # fmt: skip
    assert len(wrong({"clients": clients, "refused": None}, reason)) == odd


def test_over_tls_the_liar_costs_less_than_two_points_of_accuracy():
    assert abs(DEPLOYED["accuracy"]["liar"] - DEPLOYED["accuracy"]["honest"]) < 0.02


def test_over_tls_runs_without_a_guard_die_or_learn_nothing_of_what_the_guarded_one_bears():
    bare = {cell["lie"]: cell["bare"] for cell in DEPLOYED["cells"]}
    borne = {lie for lie, fate in bare.items() if fate["ended"] and fate["accuracy"][-1] > 0.2}
    assert borne - {"complex"} == {"examples-1e12", "repeated-part", "spoof", "replay"}  # the page says why
    assert not any(bare[lie]["ended"] for lie in ("garbage", "header-bomb", "two-models", "extra-metric"))


def test_the_page_says_that_dp_wrappers_are_not_private_behind_the_guard():
    assert "keep no promise of privacy behind the guard" in PAGE.read_text(encoding="utf-8")


def test_the_front_page_leads_there():
    assert "docs/hostile.md" in (ROOT / "README.md").read_text(encoding="utf-8")
