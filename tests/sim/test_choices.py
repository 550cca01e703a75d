"""The plain choices of a scenario refuse what cannot be."""

from __future__ import annotations

import pytest

from mithridate.core.errors import ConfigurationError, UnknownName
from mithridate.sim.choices import Clients, Evaluation, ModelChoice, TaskChoice


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (TaskChoice, {"limit": 0}),
        (ModelChoice, {"hidden": (0,)}),
        (Clients, {"count": 0}),
        (Clients, {"count": 3, "per_round": 4}),
        (Clients, {"drop_out": 1.0}),
        (Clients, {"straggler": -0.1}),
        (Evaluation, {"every": 0}),
        (Evaluation, {"samples": 0}),
    ],
)
def test_a_choice_that_cannot_be_is_refused(kind, wrong):
    with pytest.raises(ConfigurationError):
        kind(**wrong)


def test_an_unknown_name_is_said_to_be_unknown():
    with pytest.raises(UnknownName, match="mnist"):
        TaskChoice("mnit")
    with pytest.raises(UnknownName, match="lenet5"):
        ModelChoice("lenet")


def test_who_answers_is_chance_only_where_some_are_left_out():
    assert not Clients(5, 5).by_chance
    assert Clients(5, 4).by_chance
    assert Clients(5, drop_out=0.1).by_chance
