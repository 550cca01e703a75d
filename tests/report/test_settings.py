"""Scenario tables are read without building anything."""

from __future__ import annotations

import datetime as dt

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.report.settings import amount, class_of, differences, is_plain_mean, part, spoken, spoken_guard, table


@pytest.mark.parametrize("found", [None, 3, "text", []])
def test_what_is_no_table_counts_as_empty(found):
    assert table({"attack": found}, "attack") == {}
    assert part({"update": found}, "update") in (None, {"name": "text"})


@pytest.mark.parametrize(
    ("guard", "plain"),
    [
        ({}, True),
        ({"rule": "mean"}, True),
        ({"rule": {"name": "weighted-mean"}}, True),
        ({"rule": "median"}, False),
        ({"rule": "mean", "stages": [{"name": "clip"}]}, False),
        ({"rule": {"name": "a-plug-in"}}, False),
    ],
)
def test_only_a_mean_without_stages_guards_nothing(guard, plain):
    assert is_plain_mean(guard) is plain


def test_a_guard_without_a_rule_is_spoken_of_as_the_mean():
    assert spoken_guard({"stages": ["clip"]}) == "clip, then mean"


@pytest.mark.parametrize("value", [-1, True, 1.0, "3", 10**12, None])
def test_an_amount_is_a_whole_number_of_sane_size(value):
    assert amount(value) is None


def test_differences_name_the_key_and_all_values():
    one = {"seed": 1, "clients": {"count": 3, "partition": {"name": "iid"}}}
    two = {"seed": 1, "clients": {"count": 4, "partition": {"name": "iid"}}, "name": "b"}
    assert differences([one, two]) == (("clients.count", ("3", "4")), ("name", (None, '"b"')))


def test_values_that_toml_knows_and_nobody_needs_do_no_harm():
    assert spoken({"name": "x", "on": dt.date(2026, 1, 1)}) == "x (on=(date))"
    assert spoken({"name": "x", "n": 16**5000}) == "x (n=(int))"


def test_a_plug_in_that_does_not_load_is_as_good_as_none():
    class Broken(dict):
        def get(self, name):
            raise ConfigurationError("cannot be loaded")

    assert class_of(Broken(), "x") is None
    assert class_of({"x": int}, "x") is int
    assert class_of({"x": int}, None) is None
