"""A small scenario, and one finished run of it."""

from __future__ import annotations

import pytest

from mithridate.cli.app import invoked
from tests.cli.command import SCENARIO
from tests.venues.recorded import recorded


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run; not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    (root / "scenario.toml").write_text(SCENARIO)
    assert invoked(["run", str(root / "scenario.toml"), "--out", str(root / "runs" / "small"), "-q"]) == 0
    return root / "runs" / "small"


@pytest.fixture(scope="session")
def federated(tmp_path_factory):
    """The record of a real federation; not to be changed."""
    return recorded(tmp_path_factory.mktemp("federated") / "runs")
