"""`lab`: up, status and down on stand-ins; nothing is left running, whatever ends the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from mithridate.lab.folder import opened
from mithridate.lab.processes import end, members
from tests.cli.command import PROJECT, said
from tests.lab.conftest import lab, plan, standins  # noqa: F401 - fixtures

DRIVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from mithridate.lab import commands
commands.program = lambda name: sys.argv[1] + "/" + name
from mithridate.cli.app import invoked
sys.exit(invoked(sys.argv[2:]))
"""


def driven(standins, *arguments, **environment):  # noqa: F811 - the fixture's value
    """The command as a program, with stand-ins."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", DRIVER, str(standins), "lab", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def up(plan, folder, *more):  # noqa: F811 - the fixture's value
    return ["up", "--folder", folder, "--nodes", 2, "--liars", 1, "--rounds", 2, "--port", plan.port, *more]


def test_up_trains_shows_each_round_and_leaves_nothing_running(plan, standins, tmp_path):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new", "--format", "json"))
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert '"running":false' in out
    assert '"accuracy":{"guarded":0.5}' in out
    assert "round 1/2  accuracy 25.0 %" in err
    assert "2 connected" not in err
    assert "3 connected, 1 of them lying" in err
    assert members(opened(tmp_path / "new").marker) == ()


def test_compare_trains_without_the_guard_and_without_the_lie_too(plan, standins, tmp_path):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new", "--compare", "--lie", "nan"))
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["guarded", "bare", "honest"]
    assert "no guard, lie: nan" in out
    assert (tmp_path / "new" / "liars" / "liar-3" / "lie").read_text() == "none"


def test_a_supernode_is_killed_after_the_first_round(plan, standins, tmp_path):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new", "--kill", "site-1"))
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert err.index("round 1/2") < err.index("killed: site-1") < err.index("round 2/2")


def test_keep_leaves_it_running_and_down_ends_it(plan, standins, tmp_path, capsys):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new", "--keep"))
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "mithridate lab down" in out
    shown = said(capsys, "lab", "status", tmp_path / "new", "--format", "json").json["processes"]
    assert len(shown) == 8
    assert said(capsys, "lab", "down", tmp_path / "new", "--remove", "--format", "json").json["ended"] == 8
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "superlink:"), (signal.SIGTERM, "guarded  round 0"), (signal.SIGHUP, "keys:")],
)
def test_a_signal_leaves_nothing_running(plan, standins, tmp_path, number, moment):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new"), STANDIN="hangs")
    for line in child.stderr:
        if line.startswith(moment):
            break
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"stopped by {number.name}" in err
    assert members(opened(tmp_path / "new").marker) == ()


def test_after_a_kill_down_finds_everybody(plan, standins, tmp_path, capsys):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new"), STANDIN="hangs")
    for line in child.stderr:
        if line.startswith("guarded  round 0"):
            break
    child.kill()
    child.communicate(timeout=30)
    marker = opened(tmp_path / "new").marker
    assert len(members(marker)) == 9
    assert "9 processes ended" in said(capsys, "lab", "down", tmp_path / "new").out
    assert members(marker) == ()


def test_a_failure_ends_the_others_and_says_why(plan, standins, tmp_path):  # noqa: F811 - fixtures
    child = driven(standins, *up(plan, tmp_path / "new"), STANDIN="crashes")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 3
    assert "ServerApp raised an exception" in err
    assert members(opened(tmp_path / "new").marker) == ()


def test_status_of_a_lab_that_is_down(lab, capsys):  # noqa: F811 - the fixture
    assert "nothing is running" in said(capsys, "lab", "status", lab.root).out


def test_a_folder_without_a_lab_is_a_usage_error(capsys, tmp_path):
    found = said(capsys, "lab", "down", tmp_path)
    assert (found.code, "there is no lab here" in found.err) == (2, True)


def test_a_second_lab_in_the_same_folder_is_refused(lab, capsys):  # noqa: F811 - the fixture
    assert said(capsys, "lab", "up", "--folder", lab.root).code == 2


def test_ending_is_quick_for_a_lab_of_nobody(lab):  # noqa: F811 - the fixture
    begun = time.monotonic()
    assert end(lab.marker) == 0
    assert time.monotonic() - begun < 5
