"""Somebody else's app, as `flwr new` writes one: two lines guard it, and nothing else is touched."""

from __future__ import annotations

import difflib
import shutil

import pytest

from mithridate.flower.folder import AppFolder
from mithridate.flower.trial import AppFailed, Setting, tried
from tests.cli.command import said
from tests.docs.pages import ROOT

APP = ROOT / "examples" / "flower-existing-app"
SERVER = "digits/server_app.py"
FIRST = "from flwr.serverapp.strategy import FedAvg\n"


def adopted(text):
    """The server's file with the two lines."""
    assert text.count(FIRST) == 1
    return text.replace(FIRST, f"{FIRST}from mithridate.flower import guard_app\n") + "\napp = guard_app(app)\n"


@pytest.fixture
def guarded(tmp_path):
    """A copy of the app with the two lines."""
    folder = shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / SERVER).write_text(adopted((APP / SERVER).read_text()))
    return folder


def played(folder, *, guarded, liars=()):
    app = AppFolder.read(folder)
    with app.opened() as opened:
        setting = Setting(config=app.configured([]), liars=dict(liars), seed=1, guarded=guarded)
        return tried(opened, setting, lambda told, of: None)[0].rounds


def test_the_app_knows_nothing_of_mithridate():
    assert not [path for path in APP.rglob("*.*") if path.suffix in (".py", ".toml") and "mithr" in path.read_text()]


def test_the_diff_on_show_is_the_two_lines():
    before = (APP / SERVER).read_text()
    diff = difflib.unified_diff(before.splitlines(True), adopted(before).splitlines(True), SERVER, SERVER)
    assert (APP / "guard.diff").read_text() == "".join(diff)
    changed = [line for line in (APP / "guard.diff").read_text().splitlines()[2:] if line[0] in "+-" and line[1:]]
    assert changed == ["+from mithridate.flower import guard_app", "+app = guard_app(app)"]


def test_flower_accepts_the_app_before_and_after(guarded):
    import tomllib

    from flwr.common.config import validate_config

    for folder in (APP, guarded):
        document = tomllib.loads((folder / "pyproject.toml").read_text())
        assert validate_config(document, check_module=True, project_dir=folder) == (True, [], [])


@pytest.mark.parametrize("lie", ["garbage", "nan", "scaled"])
def test_one_client_ruins_the_bare_app_and_not_the_guarded_one(guarded, lie):
    honest = played(APP, guarded=False)[-1].metrics["accuracy"]
    assert honest > 0.9
    if lie == "garbage":
        with pytest.raises(AppFailed, match="stopped in round 1"):
            played(APP, guarded=False, liars={3: lie})
    else:
        assert played(APP, guarded=False, liars={3: lie})[-1].metrics["accuracy"] < 0.3
    rounds = played(guarded, guarded=True, liars={3: lie})
    assert len(rounds) == 3
    assert all("node-3" in told.out for told in rounds)
    assert rounds[-1].metrics["accuracy"] > honest - 0.03


def test_the_command_line_finds_the_guard_of_the_app(capsys, guarded):
    found = said(capsys, "flower", guarded, "--liar", "3=nan", "--format", "json", "-q")
    assert found.code == 0, found.err
    assert found.json["rounds"][0]["out"]["node-3"] == "not-finite"
