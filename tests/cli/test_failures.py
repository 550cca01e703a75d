"""Which errors go on record, and whose journal is left alone."""

from __future__ import annotations

import pytest

from mithridate.cli.failures import OnRecord
from mithridate.core.errors import Diverged
from mithridate.store.manifest import manifest
from mithridate.store.run import RunFolder


def begun(path, *events):
    made = manifest(config_digest="mine", seeds=[1], data_digest=None, provenance="drawn", time="now")
    with RunFolder.create(path, made, "") as run:
        for event in events:
            run.append({"event": event})
    return path


def kinds(path):
    return [event["event"] for event in RunFolder.open(path).events()]


def fail(path, error, digest="mine"):
    with pytest.raises(type(error)), OnRecord(path, digest):
        raise error


def test_an_error_is_noted_with_kind_and_message_and_goes_on(tmp_path):
    path = begun(tmp_path / "a", "started")
    fail(path, Diverged("too far"))
    *_, last = RunFolder.open(path).events()
    assert last == {"event": "failed", "kind": "Diverged", "error": "too far"}


def test_the_same_failure_is_noted_once_and_another_one_beside_it(tmp_path):
    path = begun(tmp_path / "a", "started")
    fail(path, Diverged("too far"))
    fail(path, Diverged("too far"))
    fail(path, ZeroDivisionError("of another kind"))
    assert kinds(path) == ["started", "failed", "failed"]


def test_nothing_is_noted_without_an_error(tmp_path):
    path = begun(tmp_path / "a", "started")
    with OnRecord(path, "mine"):
        pass
    assert kinds(path) == ["started"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interruption_is_no_failure(tmp_path, error):
    path = begun(tmp_path / "a", "started")
    fail(path, error)
    assert kinds(path) == ["started"]


def test_the_run_of_another_scenario_is_left_alone(tmp_path):
    path = begun(tmp_path / "a", "started")
    fail(path, Diverged("too far"), digest="yours")
    assert kinds(path) == ["started"]


def test_a_finished_run_stays_finished(tmp_path):
    path = begun(tmp_path / "a", "started", "finished")
    fail(path, Diverged("too far"))
    assert RunFolder.open(path).status == "finished"


def test_a_folder_without_a_run_stays_without_one(tmp_path):
    fail(tmp_path / "a", Diverged("too far"))
    assert not (tmp_path / "a").exists()


def test_a_run_that_somebody_else_is_writing_is_left_alone_and_the_error_is_the_first_one(tmp_path):
    path = begun(tmp_path / "a", "started")
    with RunFolder.open(path) as other:
        other.append({"event": "note"})
        fail(path, Diverged("too far"))
    assert kinds(path) == ["started", "note"]


def test_a_damaged_journal_does_not_hide_the_error(tmp_path):
    path = begun(tmp_path / "a", "started")
    (path / "events.jsonl").write_text("[]\n")
    fail(path, Diverged("too far"))
    assert (path / "events.jsonl").read_text() == "[]\n"


def test_a_very_long_message_is_cut(tmp_path):
    path = begun(tmp_path / "a", "started")
    fail(path, Diverged("x" * 10**6))
    *_, last = RunFolder.open(path).events()
    assert len(last["error"]) == 2000
