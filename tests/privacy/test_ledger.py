"""The bytes of a ledger: torn, changed, and read back."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithridate.core.errors import PrivacyError
from mithridate.privacy.events import Gaussian
from mithridate.privacy.ledger import MOST_BYTES, Header, Receipt, opened, read, started, written

HEADER = Header("ward-7", 8.0, 1e-5)


def made(path, noises=(2.0, 3.0, 2.0)):
    with opened(path) as descriptor:
        ledger = started(descriptor, path, HEADER)
        for number, noise in enumerate(noises):
            ledger = written(descriptor, path, ledger, Gaussian(noise), f"run 1, round {number}")
    return ledger


def look(path):
    with opened(path) as descriptor:
        return read(descriptor, path)


def test_a_ledger_comes_back_as_it_was_written(tmp_path):
    ledger = made(tmp_path / "l")
    assert look(tmp_path / "l") == ledger
    assert ledger.events == (Gaussian(2.0), Gaussian(3.0), Gaussian(2.0))


def test_a_line_by_hand(tmp_path):
    made(tmp_path / "l")
    first, second, *_ = (tmp_path / "l").read_text().splitlines()
    assert list(json.loads(first)) == ["data-set", "delta", "epsilon", "hash", "ledger", "nonce"]
    body = '{"event":{"gaussian":{"noise-multiplier":2.0}},"purpose":"run 1, round 0","release":0}'
    mark = hashlib.sha256((json.loads(first)["hash"] + body).encode()).hexdigest()
    assert json.loads(second) == {**json.loads(body), "hash": mark}


def test_an_empty_file_is_no_ledger_yet(tmp_path):
    assert look(tmp_path / "l") is None
    assert (tmp_path / "l").stat().st_mode & 0o777 == 0o600


def test_a_write_that_stopped_at_any_byte_loses_that_release_alone(tmp_path):
    path = tmp_path / "l"
    made(path)
    whole = path.read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        ledger = look(path)
        assert ledger.events == (Gaussian(2.0), Gaussian(3.0))
        assert path.read_bytes() == whole[:start]
        with opened(path) as descriptor:
            written(descriptor, path, read(descriptor, path), Gaussian(5.0), "again")
        assert look(path).events[-1] == Gaussian(5.0)


def test_a_header_that_stopped_at_any_byte_is_no_ledger_yet(tmp_path):
    path = tmp_path / "l"
    made(path, ())
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert look(path) is None
        assert path.read_bytes() == b""


@settings(max_examples=80)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_tears_the_last_line(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("l") / "l"
    made(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    if place % len(content) == len(content) - 1:  # the line feed itself: as if the write had stopped
        assert look(path).events == (Gaussian(2.0), Gaussian(3.0))
        return
    with pytest.raises(PrivacyError, match="damaged"):
        look(path)


def tampered(name, lines):
    match name:
        case "taken-out":
            return [*lines[:1], *lines[2:]]
        case "moved":
            return [lines[0], lines[2], lines[1], lines[3]]
        case "twice":
            return [*lines, lines[-1]]
        case "cheaper":
            return [lines[0], lines[1].replace("2.0", "9.0"), *lines[2:]]
        case "raised":
            return [lines[0].replace("8.0", "80.0"), *lines[1:]]
        case "no-header":
            return lines[1:]
        case "blank":
            return [*lines, ""]
        case "spaces":
            return [lines[0].replace(":", ": "), *lines[1:]]
        case "key-twice":
            return [lines[0].replace('{"data-set"', '{"data-set":"x","data-set"'), *lines[1:]]
        case "number":
            return [*lines, "3"]
        case "deep":
            return [*lines, "[" * 100_000]
        case "nan":
            return [*lines, '{"hash":NaN}']
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "taken-out",
        "moved",
        "twice",
        "cheaper",
        "raised",
        "no-header",
        "blank",
        "spaces",
        "key-twice",
        "number",
        "deep",
        "nan",
    ],
)
def test_a_ledger_that_was_touched_is_refused(tmp_path, name):
    path = tmp_path / "l"
    made(path)
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in tampered(name, lines)))
    with pytest.raises(PrivacyError, match=f"{path}:[0-9]+: the privacy ledger is damaged"):
        look(path)


def chained(*entries):
    """Lines with the right chain, whatever stands in them: what somebody could write who knows how."""
    before, lines = "", []
    for entry in entries:
        body = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        before = hashlib.sha256((before + body).encode()).hexdigest()
        lines.append(json.dumps({**entry, "hash": before}, sort_keys=True, separators=(",", ":")) + "\n")
    return "".join(lines)


TOP = {"data-set": "ward-7", "delta": 1e-5, "epsilon": 8.0, "ledger": 1, "nonce": "00"}
PLAIN = {"event": {"gaussian": {"noise-multiplier": 2.0}}, "purpose": "", "release": 0}


@pytest.mark.parametrize(
    "entries",
    [
        [{**TOP, "ledger": 2}],
        [{**TOP, "epsilon": "8"}],
        [PLAIN],
        [TOP, {**PLAIN, "release": 1}],
        [TOP, {**PLAIN, "purpose": None}],
        [TOP, {**PLAIN, "event": {"gaussian": {"noise-multiplier": -2.0}}}],
        [TOP, {**PLAIN, "event": "free"}],
        [TOP, TOP],
    ],
)
def test_what_is_chained_but_makes_no_sense_is_refused(tmp_path, entries):
    path = tmp_path / "l"
    path.touch(0o600)
    path.write_text(chained(*entries))
    with pytest.raises(PrivacyError):
        look(path)


def test_a_new_chain_by_hand_is_a_ledger_which_is_why_receipts_are_kept(tmp_path):
    path = tmp_path / "l"
    path.touch(0o600)
    path.write_text(chained(TOP, PLAIN))
    ledger = look(path)
    assert ledger.events == (Gaussian(2.0),)
    assert ledger.holds(ledger.receipt) and not ledger.holds(Receipt(1, "0" * 64))
    assert not ledger.holds(Receipt(2, ledger.hashes[-1]))


def test_a_file_beyond_every_ledger_is_not_read(tmp_path):
    path = tmp_path / "l"
    path.touch(0o600)
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(PrivacyError, match="at most"):
        look(path)


def test_a_long_purpose_is_cut_and_odd_letters_are_kept_in_ascii(tmp_path):
    path = tmp_path / "l"
    with opened(path) as descriptor:
        ledger = started(descriptor, path, HEADER)
        written(descriptor, path, ledger, Gaussian(2.0), "\n\u202e\ud800" + "x" * 500)
    assert path.read_bytes().isascii() and len(path.read_bytes().splitlines()) == 2
    assert len(json.loads(path.read_text().splitlines()[1])["purpose"]) == 200
    assert look(path).events == (Gaussian(2.0),)
