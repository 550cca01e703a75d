"""Names of rules and stages, our own and those of plug-ins."""

from __future__ import annotations

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.guard.catalog import RULES, STAGES, Catalog
from mithridate.guard.guard import Guard
from mithridate.guard.spec import dump, parse
from mithridate.rules import Median
from mithridate.testing import cohort
from tests.plugins import installing

MODULE = """
from dataclasses import dataclass
from typing import ClassVar
from mithridate.core.card import Card
from mithridate.rules import Median

@dataclass(frozen=True)
class Middle(Median):
    card: ClassVar[Card] = Card("middle", "rule", "the median under another name", "nobody, nowhere", bears="f < n/2")

value = 3
"""
GROUPS = {"mithridate.rules": {"middle": "visiting:Middle"}}


@pytest.fixture
def install(tmp_path):
    with installing(tmp_path, RULES, STAGES) as found:
        yield found


def test_a_plug_in_is_a_rule_like_any_other(install):
    install(GROUPS, MODULE)
    guard = parse("[guard]\nrule = 'middle'")
    assert guard.rule(cohort([[1.0], [2.0], [9.0]])).delta == 2.0
    assert parse(dump(guard)) == guard
    assert "middle" in RULES
    assert len(RULES) == len(RULES.own) + 1
    assert list(RULES) == sorted([*RULES.own, "middle"])


def test_it_is_gone_with_its_package():
    assert "middle" not in RULES
    with pytest.raises(KeyError):
        RULES["middle"]


def test_our_own_names_load_no_plug_in(install):
    install(GROUPS, "raise ZeroDivisionError")
    assert parse("[guard]\nrule = 'median'") == Guard(Median())


@pytest.mark.parametrize(
    ("named", "module", "message"),
    [
        ({"median": "visiting:Middle"}, MODULE, "takes the name 'median', which is taken"),
        ({"middle": "visiting:value"}, MODULE, "plug-in 'middle' of mithridate.rules is not a class"),
        ({"middle": "visiting:Missing"}, MODULE, "plug-in 'middle' of mithridate.rules cannot be loaded"),
        ({"middle": "visiting:Middle"}, "import nothing_like_that", "cannot be loaded: No module named"),
    ],
)
def test_a_plug_in_that_cannot_be_is_refused_by_name(install, named, module, message):
    install({"mithridate.rules": named}, module)
    with pytest.raises(ConfigurationError, match=message):
        RULES["middle"]


def test_a_catalogue_is_a_mapping_of_names_to_classes():
    found = Catalog("mithridate.nothing", {"b": int, "a": str})
    assert dict(found) == {"a": str, "b": int}
    assert list(found) == ["a", "b"]
