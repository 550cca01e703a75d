"""The journal: torn at the end is fine, anything else is damage."""

from __future__ import annotations

import os

import pytest

from mithridate.core.errors import StoreError
from mithridate.store import events
from mithridate.store.events import add, last, lines, mend

GOOD = [
    {"event": "started", "id": "a"},
    {"event": "round", "round": 0, "accuracy": 0.5, "clients": [{"client": "c0", "status": "counted", "liar": False}]},
    {"event": "round", "round": 1, "clients": []},
    {"event": "plugged-in", "anything": [1, {"a": None}]},
]


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "events.jsonl"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    for event in GOOD:
        add(descriptor, event, path)
    yield path, descriptor
    os.close(descriptor)


def test_what_was_added_is_read(journal):
    assert [event for event, _ in lines(journal[0])] == GOOD


def test_reading_goes_on_behind_any_line(journal):
    whole = list(lines(journal[0]))
    for count, (_, place) in enumerate(whole, 1):
        assert list(lines(journal[0], place)) == whole[count:]


def test_rounds_out_of_order_are_damage_behind_a_line_as_well(journal):
    path, descriptor = journal
    _, (_, place), *_ = lines(path)
    add(descriptor, {"event": "round", "round": 3}, path)
    with pytest.raises(StoreError, match=rf"line 3 behind byte {place}: round 3 where round 2 was due"):
        list(lines(path, place))


def test_a_journal_cut_anywhere_yields_the_whole_lines_before(journal):
    content = journal[0].read_bytes()
    for end in range(len(content) + 1):
        journal[0].write_bytes(content[:end])
        assert len(list(lines(journal[0]))) == content[:end].count(b"\n")


def test_the_last_line_is_found_without_the_others(journal):
    content = journal[0].read_bytes()
    assert last(journal[0]) == GOOD[-1]
    for end in range(len(content) + 1):
        journal[0].write_bytes(content[:end])
        assert last(journal[0]) == next(iter([event for event, _ in lines(journal[0])][::-1]), None)
    assert last(journal[0].with_name("none.jsonl")) is None


def test_a_long_last_line_and_one_behind_a_long_one_are_found(journal):
    for event in ({"event": "long", "text": "x" * 300_000}, {"event": "short"}):
        add(journal[1], event, journal[0], sync=False)
        assert last(journal[0]) == event
    journal[0].write_bytes(b"x" * (events.MOST_LINE_BYTES * 9) + b"\n{}\n")
    with pytest.raises(StoreError, match="the last line: not an event"):
        last(journal[0])
    journal[0].write_bytes(b"x" * (events.MOST_LINE_BYTES * 9) + b"\n")
    with pytest.raises(StoreError, match="a line of more than"):
        last(journal[0])


def test_a_torn_line_is_cut_off_before_the_next_is_added(journal):
    path, descriptor = journal
    with path.open("ab") as file:
        file.write(b'{"event":"rou')
    mend(descriptor, path)
    add(descriptor, {"event": "finished"}, path)
    assert [event for event, _ in lines(path)] == [*GOOD, {"event": "finished"}]


BAD = {
    "not strict JSON": b"{broken}",
    "NaN is no JSON": b'{"event":"round","round":2,"accuracy":NaN}',
    "not an event": b'["event"]',
    "not an event: an object": b'{"round":1}',
    "round 5 where round 2 was due": b'{"event":"round","round":5}',
    "round 1 where": b'{"event":"round","round":1}',
    "no round number": b'{"event":"round","round":true}',
    "has no round number": b'{"event":"round","round":-1}',
    "'accuracy' is a str": b'{"event":"round","round":2,"accuracy":"high"}',
    "'asr' is a bool": b'{"event":"round","round":2,"asr":true}',
    "'clients' must be a list": b'{"event":"round","round":2,"clients":{}}',
    "names no client": b'{"event":"round","round":2,"clients":[{"client":7,"status":"counted"}]}',
    "status must be": b'{"event":"round","round":2,"clients":[{"client":"c","status":"fine"}]}',
    "'liar' is a int": b'{"event":"round","round":2,"clients":[{"client":"c","status":"late","liar":1}]}',
    "'per_class' must": b'{"event":"round","round":2,"per_class":["a"]}',
    "'seconds' must": b'{"event":"round","round":2,"seconds":{"train":[]}}',
    "'error' is a int": b'{"event":"failed","error":3}',
}


@pytest.mark.parametrize("message", BAD)
def test_damage_is_named_with_file_and_line(journal, message):
    path = journal[0]
    with path.open("ab") as file:
        file.write(BAD[message] + b"\n")
    with pytest.raises(StoreError) as caught:
        list(lines(path))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:5: ")


def test_damage_in_the_middle_is_not_taken_for_a_torn_end(journal):
    path = journal[0]
    content = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(content[0] + content[1][:20] + b"\n" + content[2])
    with pytest.raises(StoreError, match=r"events.jsonl:2: "):
        list(lines(path))


def test_lines_beyond_every_sane_size_are_refused(journal, monkeypatch):
    monkeypatch.setattr(events, "MOST_LINE_BYTES", 40)
    with pytest.raises(StoreError, match=r":2: a line of more than 40 bytes"):
        list(lines(journal[0]))
    with pytest.raises(StoreError, match="at most 40 are kept"):
        add(journal[1], {"event": "x" * 100}, journal[0])


def test_an_event_that_could_not_be_read_back_is_not_written(journal):
    with pytest.raises(StoreError, match="status must be"):
        add(journal[1], {"event": "round", "round": 2, "clients": [{"client": "c", "status": "fine"}]}, journal[0])
    assert len(list(lines(journal[0]))) == 4
