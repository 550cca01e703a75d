"""A lab of stand-ins: the same steps with small programs in the place of Flower's."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mithridate.lab import commands
from mithridate.lab.commands import Plan
from mithridate.lab.folder import made
from mithridate.lab.ports import taken
from mithridate.lab.processes import end

STANDIN = Path(__file__).with_name("standin.py")


@pytest.fixture
def plan():
    """Two honest SuperNodes and a liar, on ports that are free now."""
    port = next(
        port
        for port in range(21000 + os.getpid() % 1000 * 20, 65000, 5)
        if not taken("127.0.0.1", range(port, port + 4))
    )
    return Plan(nodes=2, liars=1, rounds=2, port=port)


@pytest.fixture
def standins(tmp_path, monkeypatch):
    """Flower's commands are stand-ins."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("flower-superlink", "flower-supernode", "flwr"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(commands, "program", lambda name: str(folder / name))
    return folder


@pytest.fixture
def lab(tmp_path, plan, standins):
    """A new lab; whatever it leaves behind is ended."""
    new = made(tmp_path / "lab", plan)
    yield new
    end(new.marker, grace_s=1)
