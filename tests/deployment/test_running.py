"""The process table: this process as it is, odd names, what may not be read, and who descends from whom."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.deployment import running
from mithridate.deployment.running import Running, family, found, table


def entry(root, pid, *, name="x", parent=1, started=7, state="S", command=b"x\0", environ=b""):
    """A process as /proc shows it."""
    folder = root / str(pid)
    folder.mkdir()
    middle = " ".join(["0"] * 17)
    (folder / "stat").write_text(f"{pid} ({name}) {state} {parent} {middle} {started} 0 0")
    (folder / "cmdline").write_bytes(command)
    (folder / "environ").write_bytes(environ)


def test_this_process_is_in_the_table():
    (own,) = (process for process in table() if process.pid == os.getpid())
    assert own.parent == os.getppid()
    assert own == found(os.getpid())
    assert not own.zombie


def test_a_child_is_seen_with_its_command_line_and_environment():
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "a b", ""],
        env={"COLOUR": "green", "LINES": "one\ntwo"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        child.stdout.readline()
        seen = found(child.pid)
        child.stdin.close()
    assert seen.command[-2:] == ("import sys; print('up', flush=True); sys.stdin.read()", "a b")
    assert {"COLOUR=green", "LINES=one\ntwo"} <= seen.environment
    assert found(child.pid) is None


@pytest.mark.parametrize("name", ["x", "a) S 99 (b", "with space", "((("])
def test_a_name_with_brackets_confuses_nobody(tmp_path, name):
    entry(tmp_path, 5, name=name, parent=3, started=11)
    assert found(5, tmp_path) == Running(5, 11, 3, ("x",))


def test_what_is_not_a_process_is_passed_over(tmp_path):
    entry(tmp_path, 5)
    (tmp_path / "meminfo").write_text("")
    (tmp_path / "6").mkdir()
    assert [process.pid for process in table(tmp_path)] == [5]


def test_a_cut_off_entry_is_no_process(tmp_path):
    entry(tmp_path, 5)
    (tmp_path / "5" / "stat").write_text("5 (x) S 1")
    assert found(5, tmp_path) is None


def test_one_that_forbids_to_be_looked_into_is_seen_without_environment(tmp_path, monkeypatch):
    entry(tmp_path, 5, environ=b"A=1\0")
    real = type(tmp_path).read_bytes

    def read_bytes(path):
        if path.name == "environ":
            raise PermissionError
        return real(path)

    monkeypatch.setattr(type(tmp_path), "read_bytes", read_bytes)
    assert found(5, tmp_path) == Running(5, 7, 1, ("x",))


def test_one_that_has_ended_is_a_zombie(tmp_path):
    entry(tmp_path, 5, state="Z", command=b"")
    assert found(5, tmp_path).zombie


def test_a_system_without_proc_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(running, "PROC", tmp_path)
    with pytest.raises(ConfigurationError, match="use Linux"):
        table(tmp_path)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ((), ""),
        (("flower-superlink",), "flower-superlink"),
        (("python3", "bin/flower-superlink", "--port", "1"), "flower-superlink"),
        (("python3.11", "-m", "flwr"), "python3.11"),
    ],
)
def test_a_script_has_its_own_name(command, program):
    assert Running(1, 1, 1, command).program == program


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.sets(st.integers(1, 12)))
def test_the_family_is_who_belongs_and_everybody_with_such_a_parent(parents, roots):
    everyone = tuple(Running(pid, 0, parent, ()) for pid, parent in enumerate(parents, 1))
    members = {process.pid for process in family(everyone, lambda process: process.pid in roots)}
    assert members == {p.pid for p in everyone if p.pid in roots or p.parent in members}
