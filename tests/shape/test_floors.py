"""Rooms import strictly lower floors; the contracts stand in pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest

from tests.shape.tree import ROOT, SOURCE

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(limit_to_contracts=(sys.argv[1],), no_cache=True))
"""


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_the_contract_is_kept(contract):
    # By itself: import-linter sets the logging of its whole process anew.
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", LINT, contract],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_a_floor():
    (floors,) = (contract for contract in CONTRACTS if contract["id"] == "floors")
    placed = {room.strip() for layer in floors["layers"] for room in layer.split("|")}
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= placed
