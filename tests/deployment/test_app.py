"""Whether an app is guarded, from its source."""

from __future__ import annotations

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.app import examine_app
from tests.deployment.test_policy import SOUND

PROJECT = """[tool.flwr.app.components]
serverapp = "pkg.server_app:app"
clientapp = "pkg.client_app:app"
"""
SERVER = "from mithridate.flower import guard_app\napp = ServerApp()\napp = guard_app(app, 'policy.toml')\n"
CLIENT = "app = ClientApp(mods=[flower.guard_client('policy.toml')])\n"


@pytest.fixture
def app(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "pkg" / "server_app.py").write_text(SERVER)
    (tmp_path / "pkg" / "client_app.py").write_text(CLIENT)
    (tmp_path / "policy.toml").write_text(SOUND)
    return tmp_path


def test_a_guarded_app_has_no_findings(app):
    assert list(examine_app(app)) == []


@pytest.mark.parametrize(
    "source",
    [
        "app = ServerApp()\n",
        "app = ServerApp()\n# app = guard_app(app)\n",
        "app = ServerApp()\nother = guard_app(app)\n",
        "def late():\n    app = guard_app(ServerApp())\n",
        "app = ServerApp('guard_app(x)')\n",
    ],
)
def test_a_server_without_the_call_is_unguarded(app, source):
    (app / "pkg" / "server_app.py").write_text(source)
    (found,) = examine_app(app)
    assert (found.name, found.severity) == ("app-unguarded", "high")
    assert "pkg.server_app:app" in found.evidence


def test_a_client_without_the_mod_is_unguarded(app):
    (app / "pkg" / "client_app.py").write_text("app = ClientApp()\n")
    assert [(each.name, each.severity) for each in examine_app(app)] == [("client-unguarded", "medium")]


def test_its_policy_is_examined_where_the_guard_would_find_it(app):
    (app / "pkg" / "policy.toml").write_text(SOUND.replace("quorum = 5", "quorum = 1"))
    (found,) = examine_app(app)
    assert (found.name, found.subject) == ("quorum-of-one", f"policy {app / 'pkg' / 'policy.toml'}")


def test_a_policy_that_is_not_there_is_told_once(app):
    (app / "policy.toml").unlink()
    assert [each.name for each in examine_app(app)] == ["policy-broken"]


@pytest.mark.parametrize("call", ["guard_app(app)", "guard_app(app, made())", "guard_app(app, policy=POLICY)"])
def test_a_policy_that_is_no_literal_is_left_to_the_guard(app, call):
    (app / "pkg" / "server_app.py").write_text(f"app = {call}\n")
    (app / "pkg" / "client_app.py").write_text("app = ClientApp(mods=[guard_client()])\n")
    assert list(examine_app(app)) == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("pyproject.toml", "[", "not TOML"),
        ("pyproject.toml", "[project]\n", "no Flower app"),
        ("pyproject.toml", "tool = 3\n", "no Flower app"),
        ("pkg/server_app.py", "app = (", "not Python"),
        ("pkg/client_app.py", "\0", "not Python"),
    ],
)
def test_what_cannot_be_read_is_told(app, name, content, why):
    (app / name).write_text(content)
    with pytest.raises(ConfigurationError, match=why):
        list(examine_app(app))


@pytest.mark.parametrize("name", ["pyproject.toml", "pkg/server_app.py"])
def test_what_is_missing_is_told(app, name):
    (app / name).unlink()
    with pytest.raises(ConfigurationError, match="No such file"):
        list(examine_app(app))
