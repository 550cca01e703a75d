"""Facts come from run folders alone, and damaged folders give none."""

from __future__ import annotations

import pytest

from mithridate.core.errors import StoreError
from mithridate.report.facts import Lasted
from mithridate.report.reading import read
from mithridate.store.run import RunFolder
from tests.report import runs


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = read([runs.write(tmp_path, "guarded", attacked=True, guarded=True)]).runs[0]
    assert (run.label, run.status, len(run.rounds), run.planned) == ("guarded", "finished", runs.ROUNDS, runs.ROUNDS)
    assert run.liars == runs.LIARS
    assert (run.onset, run.enrolled) == (2, runs.CLIENTS)
    assert run.accuracy == pytest.approx(0.95 * (1 - 0.6**11))
    assert run.weakest == pytest.approx(run.accuracy - 0.1)
    assert run.asr == 0.01
    assert run.guard_s == pytest.approx(0.012)
    assert run.model_digest == "f00d"
    dropped = run.rounds[2].fates[3]
    assert (dropped.client, dropped.status, dropped.score, dropped.threshold) == ("c003", "dropped", 11.5, 4.25)


def test_an_unfinished_run_is_read_and_says_so(tmp_path):
    run = read([runs.write(tmp_path, "a", finish=False)]).runs[0]
    assert (run.status, run.error) == ("unfinished", None)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"kind": "Diverged", "error": "too far"}, "Diverged: too far"),
        ({"error": "too far"}, "too far"),
        ({"kind": "ValueError", "error": ""}, "ValueError: no reason given"),
        ({}, "no reason given"),
    ],
)
def test_a_failed_run_says_why(tmp_path, event, error):
    path = runs.write(tmp_path, "a", finish=False)
    with RunFolder.open(path) as folder:
        folder.append({"event": "failed"} | event)
    run = read([path]).runs[0]
    assert (run.status, run.error) == ("failed", error)


def test_runs_of_one_name_are_told_apart(tmp_path):
    first, second = runs.write(tmp_path / "x", "same"), runs.write(tmp_path / "y", "same")
    assert [run.label for run in read([first, second]).runs] == ["same #1", "same #2"]


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        read([tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rounds = ", "not valid TOML"),
        (f"a = {'[' * 40}{']' * 40}", "nested deeper"),
        (f"[{'.'.join('a' * 400)}]\nb = 1", "nested deeper"),
        (f"a = {'9' * 5000}", "not valid TOML"),
    ],
)
def test_a_hostile_scenario_is_refused(tmp_path, text, message):
    path = runs.write(tmp_path, "a")
    (path / "scenario.toml").write_text(text)
    with pytest.raises(StoreError, match=message):
        read([path])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"rounds": 7, "halved": True}, Lasted(7, True)),
        ({"rounds": 7, "halved": "yes"}, Lasted(7, False)),
        ({"rounds": -1, "halved": True}, None),
        ({}, None),
        (None, None),
    ],
)
def test_how_long_the_backdoor_lasted_is_read(tmp_path, said, expected):
    path = runs.write(tmp_path, "a", attacked=True, finish=False)
    with RunFolder.open(path) as folder:
        folder.append(
            {"event": "finished", "accuracy": 0.9, "asr": 0.1, "durability": said, "model_digest": "f", "rounds": 12}
        )
    assert read([path]).runs[0].lasted == expected
