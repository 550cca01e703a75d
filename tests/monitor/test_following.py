"""Following a journal while it is written, cut and written anew."""

from __future__ import annotations

import pytest

from mithridate.core.errors import StoreError
from mithridate.monitor.following import Following
from mithridate.store.manifest import manifest
from mithridate.store.run import RunFolder

MADE = manifest(config_digest="c", seeds=[1], data_digest="d", provenance="made up", time="2026-01-01T00:00:00Z")


@pytest.fixture
def run(tmp_path):
    with RunFolder.create(tmp_path / "run", MADE, "") as folder:
        yield folder


def numbers(found):
    return [event.get("round") for event in found]


def test_a_run_that_has_not_begun_has_no_news(run):
    assert not list(Following(run.path).news())


def test_each_event_is_news_once(run):
    following = Following(run.path)
    run.append({"event": "started"})
    run.append({"event": "round", "round": 0})
    assert numbers(following.news()) == [None, 0]
    assert numbers(following.news()) == []
    run.append({"event": "round", "round": 1})
    assert numbers(following.news()) == [1]
    assert not following.began_again


def test_a_line_that_is_being_written_waits_for_its_end(run):
    following = Following(run.path)
    run.append({"event": "round", "round": 0})
    journal = run.path / "events.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"event":"round",')
        file.flush()
        assert numbers(following.news()) == [0]
        file.write(b'"round":1}\n')
    assert numbers(following.news()) == [1]


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_run_that_was_rewound_is_read_from_the_beginning(run, after):
    following = Following(run.path)
    for number in range(3):
        run.append({"event": "round", "round": number, "delta_norm": 1.0})
    assert len(list(following.news())) == 3
    run.rewind(0)
    for number in range(1, after):
        run.append({"event": "round", "round": number, "delta_norm": 2.0})
    assert numbers(following.news()) == list(range(after))
    assert following.began_again
    assert not list(following.news())
    assert not following.began_again


def test_a_folder_that_was_emptied_has_no_news_until_it_is_filled(run):
    following = Following(run.path)
    run.append({"event": "round", "round": 0})
    list(following.news())
    (run.path / "events.jsonl").unlink()
    assert numbers(following.news()) == []
    assert following.began_again


def test_damage_is_told(run):
    (run.path / "events.jsonl").write_bytes(b"nonsense\n")
    with pytest.raises(StoreError, match=r"events\.jsonl:1: not strict JSON"):
        list(Following(run.path).news())


def test_a_journal_that_is_a_link_is_not_followed(run, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"{}\n")
    (run.path / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        Following(run.path)
