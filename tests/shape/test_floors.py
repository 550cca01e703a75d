"""Rooms import strictly lower floors; the contracts stand in pyproject.toml."""

from __future__ import annotations

import logging
import tomllib

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.shape.tree import ROOT, SOURCE

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_the_contract_is_kept(contract, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    known = {name: each for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    status = lint_imports(limit_to_contracts=(contract,), no_cache=True, no_logo=True)
    for each in known.values():
        each.disabled = False  # import-linter switches off every logger that it does not know
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_room_has_a_floor():
    (floors,) = (contract for contract in CONTRACTS if contract["id"] == "floors")
    placed = {room.strip() for layer in floors["layers"] for room in layer.split("|")}
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= placed
