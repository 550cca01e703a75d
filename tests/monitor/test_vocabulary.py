"""The closed vocabularies hold every word that the package says, and no other."""

from __future__ import annotations

import ast
import re
from typing import get_args

import pytest

from mithridate.guard.catalog import RULES, STAGES
from mithridate.guard.claims import Reason
from mithridate.monitor.vocabulary import DECISIONS, JUDGES, OUTCOMES, REASONS, STATES, known, plain
from mithridate.store import events
from tests.shape.tree import SOURCE

SPEAKING = [SOURCE / "guard" / "guard.py", SOURCE / "sim" / "fates.py"]
SPEAKING += sorted(path for room in ("rules", "screens", "stages") for path in (SOURCE / room).glob("*.py"))
NO_REASONS = {"every-kth", "from-round", "heavy-ball", "over-max", "warm-up"}
NO_REASONS |= {"spread-norm", "spread-psa", "spread-sign", "spread-tda"}
"""Words of other kinds: schedules and settings."""


def words(path):
    """Every text constant of a module that is no docstring; of f"odd-{name}", the parts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_word_of_admission_is_in_it():
    assert set(get_args(Reason)) <= REASONS


def test_every_word_that_a_stage_may_say_is_in_it():
    names = set(RULES.own) | set(STAGES.own)
    for path in SPEAKING:
        said = {word for word in words(path) if re.fullmatch(r"[a-z]+(-[a-z]+)+", word)}
        unknown = said - REASONS - names - NO_REASONS - attacks() - needs()
        assert not unknown, f"{path.name}: a reason that is not in the vocabulary, or one for NO_REASONS: {unknown}"


def test_no_word_of_it_is_said_by_nobody():
    said = set().union(*(words(path) for path in SPEAKING)) | set(get_args(Reason))
    cascade = {f"odd-{name}" for name in words(SOURCE / "screens" / "cascade.py")}
    assert not REASONS - said - cascade


def test_a_cascade_says_only_what_is_in_it():
    import numpy as np

    from mithridate.screens.cascade import _metrics
    from mithridate.testing import cohort

    names = {f"odd-{name}" for name, _, _ in _metrics(cohort(np.eye(5)))}
    assert names <= REASONS


def test_the_states_are_those_of_the_journal():
    assert set(STATES) == events._STATUSES


def test_every_stage_and_rule_may_judge():
    assert set(RULES.own) | set(STAGES.own) <= JUDGES


@pytest.mark.parametrize("word", ["", "Stale", "stale ", "stale\n", 'x"} 1', 7, ["stale"], {"a": 1}, b"stale"])
def test_what_is_not_in_it_is_other(word):
    assert known(word, REASONS) == "other"


@pytest.mark.parametrize("text", ["", "a b", "1.0\n", "x" * 41, 'v"} 1', "é", 1.0, "-rc"])
def test_a_version_that_is_none_is_other(text):
    assert plain(text) == "other"


def test_the_words_are_few():
    assert len(DECISIONS) * (len(REASONS) + 2) < 500
    assert len(OUTCOMES) == 4


def attacks():
    from mithridate.attacks.catalog import DATA_POISONS, TRIGGERS, UPDATE_ATTACKS

    return set(UPDATE_ATTACKS.own) | set(DATA_POISONS.own) | set(TRIGGERS.own)


def needs():
    from mithridate.core.protocols import Need

    return {need.value for need in Need}
