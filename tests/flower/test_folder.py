"""A Flower app's folder: read strictly, loaded as Flower loads it, and gone from the interpreter afterwards."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from mithridate.core.errors import ConfigurationError
from mithridate.flower.folder import AppFolder, settings
from tests.flower.folders import CLIENT, PROJECT, SERVER, written


def test_an_app_is_read_and_loaded_and_leaves_nothing_behind(tmp_path):
    app = AppFolder.read(written(tmp_path))
    assert (app.server, app.client) == ("small.server_app:app", "small.client_app:app")
    assert app.config == {"num-server-rounds": 3, "name": "plain", "lr.first": 0.5}
    path = list(sys.path)
    with app.opened() as opened:
        assert isinstance(opened.server, ServerApp)
        assert isinstance(opened.client, ClientApp)
        assert isinstance(opened.other_client("small.client_app:liar", "--liar 3"), ClientApp)
        assert "small.point" in sys.modules
    assert sys.path == path
    assert not [name for name in sys.modules if name.split(".")[0] == "small"]


def test_two_apps_of_one_name_do_not_mix(tmp_path):
    first, second = (AppFolder.read(written(tmp_path / name)) for name in ("one", "two"))
    with first.opened() as opened:
        one = opened.server
    with second.opened() as opened:
        assert opened.server is not one


def test_what_the_interpreter_knows_by_the_name_is_set_aside_and_comes_back(tmp_path, monkeypatch):
    other = ModuleType("small")
    monkeypatch.setitem(sys.modules, "small", other)
    with AppFolder.read(written(tmp_path)).opened():
        assert sys.modules["small"] is not other
    assert sys.modules["small"] is other
    assert "small.server_app" not in sys.modules


def test_the_app_is_told_from_a_changed_one(tmp_path):
    before = AppFolder.read(written(tmp_path)).digest
    assert AppFolder.read(written(tmp_path)).digest == before
    assert AppFolder.read(written(tmp_path, server=f"{SERVER}\nx = 1\n")).digest != before


@pytest.mark.parametrize(
    ("project", "message"),
    [
        (None, r"no Flower app: it has no pyproject.toml; mithridate init --flower"),
        ("[project", "not valid TOML"),
        ("[project]\nname = 'x'\n", r"pyproject.toml: no Flower app: it has no \[tool.flwr.app\]"),
        ("[tool.flwr.app]\n", r"it has no \[tool.flwr.app.components\]"),
        (PROJECT.replace("clientapp", "client"), r'needs clientapp = "package.client_app:app"'),
        (PROJECT.replace('"plain"', "[1]"), "config. name must be a number, a text, true or false"),
    ],
)
def test_a_folder_that_holds_no_app_says_what_is_missing(tmp_path, project, message):
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    with pytest.raises(ConfigurationError, match=message):
        AppFolder.read(tmp_path)


def test_a_missing_folder_is_called_missing(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        AppFolder.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"project": PROJECT.replace("small.server_app:app", "small.server_app")}, 'write it as "package.module:app"'),
        ({"project": PROJECT.replace("small.server_app:app", "smal.server_app:app")}, "there is no module smal in the"),
        ({"project": PROJECT.replace("small.server_app:app", "small.server_ap:app")}, "no module small.server_ap in"),
        (
            {"project": PROJECT.replace("small.server_app:app", "small.server_app:ap")},
            "has no 'ap'; did you mean 'app'",
        ),
        (
            {"project": PROJECT.replace("small.server_app:app", "small.client_app:app")},
            "is a ClientApp, not a ServerApp",
        ),
        ({"project": PROJECT.replace("small.server_app:app", "json:app")}, "another json is installed at"),
        (
            {"server": f"import no_such_package\n{SERVER}"},
            "needs no_such_package, which is not installed: pip install -e",
        ),
        ({"client": f"{CLIENT}\n1 / 0\n"}, "importing it failed: ZeroDivisionError: division by zero"),
    ],
)
def test_an_app_that_cannot_be_loaded_says_which_line_of_which_file_to_look_at(tmp_path, changed, message):
    app = AppFolder.read(written(tmp_path, **changed))
    with pytest.raises(ConfigurationError, match=message), app.opened():
        pass
    assert str(tmp_path) not in sys.path


def test_the_run_config_is_changed_as_flwr_run_changes_it(tmp_path):
    app = AppFolder.read(written(tmp_path))
    assert app.configured(["num-server-rounds=5 lr.first=0.1", "name='a b'"]) == {
        "num-server-rounds": 5,
        "lr.first": 0.1,
        "name": "a b",
    }
    (tmp_path / "other.toml").write_text("num-server-rounds = 7\n[lr]\nfirst = 1.0\n")
    found = app.configured([str(tmp_path / "other.toml")])
    assert (found["num-server-rounds"], found["lr.first"]) == (7, 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("num-server-round=5", "unknown key 'num-server-round'; did you mean 'num-server-rounds'"),
        ("rounds", "cannot read 'rounds'"),
        ("num-server-rounds=5 and more", "cannot read 'and more'"),
        ("name=plain", "text stands in quotes: \"name='plain'\""),
        ("name=[1]", "name must be a number"),
        ("missing.toml", "--run-config missing.toml: "),
    ],
)
def test_a_setting_that_the_app_does_not_know_is_refused(tmp_path, given, message):
    with pytest.raises(ConfigurationError, match=message.replace("[", r"\[")):
        AppFolder.read(written(tmp_path)).configured([given])


def test_flowers_own_reader_agrees():
    from flwr.common.config import parse_config_args

    for text in ("a=1 b=2.5 c=true d='x y'", 'a.b="t"  c=-1'):
        assert settings(text) == parse_config_args([text])
