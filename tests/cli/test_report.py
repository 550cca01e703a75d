"""`report`: one page."""

from __future__ import annotations

from tests.cli.command import SCENARIO, said


def test_the_page_is_written_where_it_was_asked_for(capsys, finished, tmp_path):
    found = said(capsys, "report", finished, "--out", tmp_path / "deep" / "page.html", "--format", "json")
    assert found.code == 0, found.err
    assert found.json["report"] == str(tmp_path / "deep" / "page.html")
    assert "small" in (tmp_path / "deep" / "page.html").read_text()


def test_a_folder_without_a_run_is_an_error(capsys, tmp_path):
    assert said(capsys, "report", tmp_path).code == 3


def test_a_folder_of_runs_becomes_a_matrix(capsys, finished, tmp_path):
    found = said(capsys, "report", finished.parent, "--out", tmp_path / "matrix.html", "--format", "json")
    assert found.code == 0, found.err
    text = (tmp_path / "matrix.html").read_text(encoding="utf-8")
    assert "krum against sign-flip" in text


def test_runs_and_sweeps_are_not_mixed(capsys, finished, tmp_path):
    found = said(capsys, "report", finished, finished.parent, "--out", tmp_path / "page.html")
    assert (found.code, "is a sweep, others are runs" in found.err) == (2, True)


def test_json_says_what_procedures_came_to(capsys, tmp_path):
    (tmp_path / "scenario.toml").write_text(SCENARIO + "\n[server]\nrollback = { rise = 100.0 }\n")
    assert said(capsys, "run", tmp_path / "scenario.toml", "--out", tmp_path / "run", "-q").code == 0
    found = said(capsys, "report", tmp_path / "run", "--format", "json")
    assert found.code == 0, found.err
    (told,) = found.json["procedures"]
    assert (told["procedure"], "never rang" in told["said"]) == ("rollback", True)


def test_a_real_federation_has_a_page_of_its_own(capsys, federated, tmp_path):
    for given in (federated, federated.parent):
        found = said(capsys, "report", given, "--out", tmp_path / "page.html", "--format", "json")
        assert found.code == 0, found.err
        assert found.json["procedures"] == []
        assert "Nobody knows here who lies" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_real_and_simulated_runs_are_not_mixed(capsys, federated, finished, tmp_path):
    found = said(capsys, "report", finished, federated, "--out", tmp_path / "page.html")
    assert (found.code, "is a real federation, others are simulated" in found.err) == (2, True)
