"""Structured logs: what is said, how loudly, and what is never said."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.guard.guard import CHALLENGED
from mithridate.monitor.logs import LOGGER, JsonLines, fields, logged, redacted, structured
from tests.monitor.test_metrics import EVENTS, JSON
from tests.report.runs import round_event

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\nINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----"


@pytest.fixture
def stream():
    logger, found = logging.getLogger(LOGGER), io.StringIO()
    level, handler = logger.level, structured(found, clock=lambda: 1_700_000_000.25)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_round_by_hand(stream):
    logged("r1")(round_event(5, attacked=True, guarded=True))
    (line,) = lines(stream)
    assert line == {
        "time": "2023-11-14T22:13:20.250+00:00", "level": "info", "logger": "mithridate", "event": "round", "run": "r1",
        "round": 5, "accuracy": pytest.approx(0.95 * (1 - 0.6**5)), "asr": 0.01, "delta_norm": 1.0, "bytes_up": 1000.0,
        "counted": 7, "dropped": 2, "refused": 1, "absent": 0, "late": 0, "refused_round": None, "fall_back": None,
        "excluded": [
            {"client": "c003", "stage": "multi-krum", "reason": "not-selected"},
            {"client": "c007", "stage": "multi-krum", "reason": "not-selected"},
            {"client": "c009", "stage": "admission", "reason": "not-finite"},
        ],
        "not_named": 0,
    }  # fmt: skip


def test_the_whole_run_is_a_line_per_event(stream):
    observe = logged("r1")
    for event in [
        {"event": "started", "version": "0.1.0", "rounds": 2},
        {"event": "round", "round": 0},
        {"event": "round", "round": 1, "refused": "krum needs n >= 5"},
        {"event": "round", "round": 2, "refused": CHALLENGED},
        {"event": "round", "round": 3, "fall_back": "median"},
        {"event": "finished", "rounds": 2, "accuracy": None},
        {"event": "failed", "kind": "Diverged", "error": "not finite"},
        {"event": "plugged-in"},
    ]:
        observe(event)
    levels = [(line["event"], line["level"]) for line in lines(stream)]
    assert levels == [
        ("started", "info"), ("round", "info"), ("round", "warning"), ("round", "info"), ("round", "warning"),
        ("finished", "info"), ("failed", "error"),
    ]  # fmt: skip


def test_for_people_it_is_a_sentence(caplog):
    with caplog.at_level(logging.INFO, LOGGER):
        logged("r1")(round_event(5, attacked=True, guarded=True) | {"refused": "krum needs n >= 5"})
    out = "not c003 (not-selected), c007 (not-selected), c009 (not-finite)"
    assert caplog.messages == [f"r1: round 5: 7 counted, 2 dropped, 1 refused; {out}; refused: krum needs n >= 5"]


def test_any_logger_will_do():
    stream = io.StringIO()
    logger = logging.Logger("mine")
    logger.addHandler(logging.StreamHandler(stream))
    logged("r1", logger)({"event": "finished"})
    assert stream.getvalue() == "r1: finished\n"


def test_a_hostile_name_stays_on_its_line_and_is_cut(stream):
    hostile = {
        "client": 'x\n{"level":"error"}\x1b[2J\u2028' + "y" * 999,
        "status": "dropped",
        "reason": "a\nb",
        "stage": "<b>",
    }
    logged("r\n1")({"event": "round", "round": 0, "clients": [hostile]})
    (line,) = lines(stream)
    assert stream.getvalue().isascii() and "\x1b" not in stream.getvalue()
    (found,) = line["excluded"]
    assert (len(found["client"]), found["stage"], found["reason"]) == (64, "<b>", "a\ufffdb")
    assert line["run"] == "r\ufffd1"


def test_a_crowd_is_counted_and_not_all_named():
    crowd = [{"client": f"c{i}", "status": "dropped", "reason": "not-selected"} for i in range(500)]
    found = fields({"event": "round", "round": 0, "clients": crowd}, "r")
    assert (found["dropped"], len(found["excluded"]), found["not_named"]) == (500, 20, 480)


def test_what_is_not_known_to_be_harmless_is_not_logged():
    secret = "hunter2"  # noqa: S105 - nobody's password
    event = {
        "key": secret,
        "signature": secret,
        "id": secret,
        "config_digest": secret,
        "refusals": [["c", "shape", secret]],
    }
    client = {
        "client": "c",
        "status": "refused",
        "stage": "admission",
        "reason": "shape",
        "detail": secret,
        "key": secret,
    }
    for kind in ("started", "round", "finished", "failed"):
        assert secret not in json.dumps(fields({"event": kind, "clients": [client]} | event, "r"))


@pytest.mark.parametrize(
    "secret",
    [
        PEM,
        "0123456789abcdef" * 4,
        "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        "MC4CAQAwBQYDK2VwBCIEINTuctv5/E1hK1+bbY8fdp0=",
        PEM[:50],
    ],
)
def test_what_could_be_a_key_is_redacted(stream, secret):
    logged("r1")({"event": "failed", "kind": "StoreError", "error": f"cannot read {secret}"})
    logged("r1")({"event": "round", "round": 0, "refused": f"because {secret}"})
    logging.getLogger(LOGGER).warning("token=%s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger(LOGGER).exception("it broke")
    assert len(lines(stream)) == 4
    assert all(part not in stream.getvalue() for part in secret.splitlines() if not part.startswith("-----"))
    assert stream.getvalue().count("[redacted]") == 4


def test_plain_words_are_left(stream):
    logged("r1")({"event": "failed", "kind": "StoreError", "error": "rounds/00003.safetensors: there is no such file"})
    assert lines(stream)[0]["error"] == "rounds/00003.safetensors: there is no such file"
    assert len(redacted("word " * 999)) == 300


@given(st.one_of(EVENTS, st.dictionaries(st.text(max_size=5), JSON, max_size=4)), st.text(max_size=90))
def test_no_event_breaks_it_or_leaves_its_line(event, run):
    found = fields(event, run)
    record = logging.LogRecord(LOGGER, logging.INFO, "", 0, "said", (), None)
    record.mithridate = found
    line = JsonLines(lambda: 0.0).format(record)
    assert line.isascii() and "\n" not in line
    assert json.loads(line)["time"] == "1970-01-01T00:00:00.000+00:00"
    assert len(line) < 20_000
    logged(run, logging.Logger("nobody"))(event)
