"""Findings in order, and what a gate lets pass."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from mithridate.deployment.finding import Finding, Severity, over, worst_first

SEVERITIES = get_args(Severity)
SAME = st.just("x")
FINDINGS = st.lists(st.builds(Finding, st.sampled_from("abc"), st.sampled_from(SEVERITIES), SAME, SAME, SAME))


@given(FINDINGS)
def test_the_worst_comes_first_and_nothing_twice(findings):
    ordered = worst_first(findings)
    ranks = [SEVERITIES.index(each.severity) for each in ordered]
    assert ranks == sorted(ranks, reverse=True)
    assert set(ordered) == set(findings)
    assert len(ordered) == len(set(findings))


@given(FINDINGS, st.sampled_from(SEVERITIES))
def test_a_gate_lets_pass_what_is_less_bad(findings, gate):
    failed = over(findings, gate)
    assert [SEVERITIES.index(each.severity) >= SEVERITIES.index(gate) for each in failed] == [True] * len(failed)
    assert len(over(findings, "note")) == len(findings)
