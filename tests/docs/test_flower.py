"""The page for operators of Flower names every table and key of a policy, and no other."""

from __future__ import annotations

import tomllib
from dataclasses import fields

import pytest

from mithridate.guard.claims import Limits
from mithridate.guard.policy import Clients, Identity, Metrics, Monitor, Policy, Record, Rounds
from tests.docs.pages import ROOT, blocks_of

(SHOWN,) = (block.text for block in blocks_of(ROOT / "docs" / "flower.md") if block.language == "toml")
TABLES = {
    "admission": Limits,
    "round": Rounds,
    "metrics": Metrics,
    "identity": Identity,
    "client": Clients,
    "record": Record,
    "monitor": Monitor,
}


def test_every_table_is_shown():
    assert {field.name for field in fields(Policy)} == {"guard", *TABLES} == set(tomllib.loads(SHOWN))


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_table_is_shown(table):
    shown = set(tomllib.loads(SHOWN.replace("# server =", "server ="))[table])
    assert shown == {field.name.replace("_", "-") for field in fields(TABLES[table])}
