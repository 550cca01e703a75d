"""A defence of a sweep is a guard or a procedure, by name or as tables."""

from __future__ import annotations

import pytest

from mithridate.cli.axes import variants
from mithridate.cli.defences import tables_of
from mithridate.cli.documents import Document
from mithridate.core.errors import ConfigurationError
from mithridate.rules import Mean, Median
from mithridate.sim.procedures import PROCEDURES
from mithridate.sim.rollback import Rollback
from mithridate.sim.scenario import Scenario
from tests.cli.command import SCENARIO

PLAIN = SCENARIO.partition("[guard]")[0]


def swept(table: str):
    return variants(Document.of(f"{PLAIN}\n[sweep]\n{table}", "sweep.toml"))


@pytest.mark.parametrize("name", sorted(PROCEDURES))
def test_every_procedure_has_a_name_that_turns_it_on(name):
    (found,) = swept(f'defence = ["{name}"]')
    bare = swept('defence = ["none"]')[0].scenario
    assert (found.defence, found.condition) == (name, "")
    assert found.scenario != bare
    assert isinstance(found.scenario, Scenario)


def test_rules_stages_and_sanitisers_have_theirs():
    median, clipped, sifted, none = swept('defence = ["median", "clip", "deep-knn", "none"]')
    assert (median.defence, median.scenario.guard.rule) == ("median", Median())
    assert (clipped.scenario.guard.rule, len(clipped.scenario.guard.stages)) == (Mean(), 1)
    assert (sifted.defence, len(sifted.scenario.clients.sanitise)) == ("deep-knn", 1)
    assert (none.defence, none.scenario.guard.rule, none.scenario.guard.stages) == ("mean", Mean(), ())


def test_tables_are_put_together_and_told_by_their_names():
    (found,) = swept('defence = [{ guard = { rule = "median" }, server = { rollback = { rise = 2.0 } } }]')
    assert found.defence == "median + rollback"
    assert (found.scenario.guard.rule, found.scenario.rollback) == (Median(), Rollback(rise=2.0))
    assert found.scenario.clients.count == 6


def test_equal_procedures_with_other_settings_are_told_apart():
    found = swept("defence = [{ ensemble = { groups = 2 } }, { ensemble = { groups = 3 } }]")
    assert [each.defence for each in found] == ["ensemble(groups=2)", "ensemble(groups=3)"]


def test_a_label_is_taken():
    assert swept('defence = [{ label = "many", ensemble = { groups = 2 } }]')[0].defence == "many"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("medain", "did you mean 'median'"),
        ({"gaurd": {}}, "did you mean 'guard'"),
        ({"attack": {}}, "no part of a defence"),
        (3, "a name or"),
    ],
)
def test_what_is_no_defence_is_refused(value, message):
    with pytest.raises(ConfigurationError, match=message):
        tables_of(value)


def test_a_wrong_setting_is_told_where_it_is():
    with pytest.raises(ConfigurationError, match=r"sweep\.toml: \[ensemble\] groups must be"):
        swept("defence = [{ ensemble = { groups = 0 } }]")
    with pytest.raises(ConfigurationError, match=r"sweep\.toml: \[sweep\] defence: guard=.*did you mean 'median'"):
        swept('defence = [{ guard = { rule = "medain" } }]')
