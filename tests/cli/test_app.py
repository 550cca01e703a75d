"""The command as a whole: verbs, exit codes, errors, and how soon it answers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import mithridate
from mithridate.cli import app as command
from mithridate.core.errors import DataError
from tests.cli.command import ended, said

VERBS = ["data", "demo", "describe", "doctor", "init", "list", "replay", "report", "run", "sweep", "theory"]


def test_the_version_is_that_of_the_package(capsys):
    assert said(capsys, "--version").out == f"mithridate {mithridate.__version__}\n"


def test_without_arguments_it_explains_itself(capsys):
    found = said(capsys)
    assert found.code == 0
    assert all(verb in found.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_speaks_json(capsys, verb):
    found = said(capsys, verb, "--help")
    assert "\\[" not in found.out
    assert found.code == 0
    assert "--format" in found.out


def test_no_verb_summary_is_cut_off(capsys):
    assert "..." not in said(capsys, "--help").out.partition("Commands:")[2]


def test_a_misspelt_verb_is_suggested(capsys):
    found = said(capsys, "swep")
    assert (found.code, found.out) == (2, "")
    assert "unknown verb 'swep'; did you mean 'sweep'?" in found.err


def test_a_misspelt_option_is_suggested(capsys):
    found = said(capsys, "list", "--fromat", "json")
    assert found.code == 2
    assert "--format" in found.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "missing.toml"], 2),
        (["run"], 2),
        (["describe", "xyzzy"], 2),
        (["replay", "missing"], 3),
        (["nonsense"], 2),
        (["list", "--wrong"], 2),
    ],
)
def test_errors_are_json_on_request(capsys, arguments, code):
    found = said(capsys, *arguments, "--format", "json")
    assert found.code == code
    assert (found.json["success"], found.json["exit-code"]) == (False, code)
    assert found.json["error-message"]
    assert found.err == ""
    assert said(capsys, *arguments, "--format=json").json == found.json


def test_errors_are_text_on_stderr_otherwise(capsys):
    found = said(capsys, "run", "missing.toml")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: missing.toml: there is no such file")


def test_errors_of_the_data_are_failures(capsys, monkeypatch):
    def broken(*_: object) -> None:
        raise DataError("no data")

    monkeypatch.setattr("mithridate.sim.tasks.TASKS", property(broken))
    monkeypatch.setattr("mithridate.cli.documents.Document.read", broken)
    assert said(capsys, "run", "x.toml").code == 3


def test_a_missing_package_says_what_to_install(capsys, monkeypatch):
    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("mithridate.cli.documents.Document.read", lacking)
    found = said(capsys, "run", "x.toml")
    assert found.code == 3
    assert "torch is not installed: pip install 'mithridate[demo]'" in found.err


def test_an_unforeseen_error_is_no_finding():
    code = (
        "import sys; from mithridate.cli import app, documents\n"
        "def broken(*_): raise ZeroDivisionError('oops')\n"
        "documents.Document.read = broken\n"
        "sys.argv = ['mithridate', 'run', 'x.toml', '--format', 'json']\n"
        "app.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter and code
    assert done.returncode == command.FAILED == 3
    assert "ZeroDivisionError" in done.stderr
    assert json.loads(done.stdout)["error-message"].startswith("this is a flaw in mithridate")


def test_help_needs_nothing_heavy():
    code = (
        "import sys; from mithridate.cli.app import invoked; invoked(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter and code
    loaded = set(done.stderr.split())
    assert not loaded & {"torch", "numba", "jinja2", "sklearn", "pureml", "scipy", "mithridate.sim.engine"}


def test_it_runs_as_a_module():
    assert ended("--version").out == f"mithridate {mithridate.__version__}\n"
