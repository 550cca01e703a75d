"""Everything together: running daemons are found, and the worst is told first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mithridate.deployment import examination
from mithridate.deployment.examination import Examined, daemons_among, examine
from mithridate.deployment.options import from_text
from mithridate.deployment.running import Running

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_daemons_are_picked_from_a_process_table():
    link = Running(
        7, 1, 1, ("python3", "bin/flower-superlink", "--insecure"), frozenset({"A=1"}), folder=str(Path("/srv"))
    )
    others = Running(8, 1, 7, ("python3", "bin/flower-superexec", "--insecure")), Running(9, 1, 1, ())
    (found,) = daemons_among([link, *others])
    assert (found.where, found.flags, found.folder, found.variable("A")) == ("pid 7", {"--insecure"}, Path("/srv"), "1")


def test_the_worst_comes_first(monkeypatch):
    monkeypatch.setattr(examination, "_installed", lambda: "1.43")
    found = examine(Examined((from_text("flower-superlink --insecure --host 0.0.0.0 --strange"),)), NOW)
    assert found[0].severity == "critical"
    assert found[-1].severity == "note"
    assert "flower-untried" in {each.name for each in found}


def test_nothing_examined_is_flower_itself(monkeypatch):
    monkeypatch.setattr(examination, "_installed", lambda: "1.41.0")
    assert examine(Examined(), NOW) == ()


def test_app_and_connections_are_examined_too(tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_installed", lambda: "1.41.0")
    (tmp_path / "pyproject.toml").write_text('[tool.flwr.app.components]\nserverapp = "a:app"\nclientapp = "a:app"\n')
    (tmp_path / "a.py").write_text("app = 1\n")
    (tmp_path / "config.toml").write_text('[superlink.x]\naddress = "h:1"\ninsecure = true\n')
    found = examine(Examined(app=tmp_path, home=tmp_path), NOW)
    assert [each.name for each in found] == ["no-tls", "app-unguarded", "client-unguarded"]
