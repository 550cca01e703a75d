"""Structured logs: one line of JSON per event, for people's log stores; names bounded, secrets left out.

    observe = logged("run-7")                 # give every event to observe()
    structured(sys.stderr)                    # once per process: lines of JSON from the logger "mithridate"

Any other handler of Python's logging works as well: the message is a sentence, and the fields are in `record.mithridate`.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from mithridate.guard.guard import CHALLENGED
from mithridate.monitor.observations import number
from mithridate.monitor.vocabulary import STATES, known, plain

__all__ = ["LOGGER", "JsonLines", "fields", "logged", "redacted", "spoken", "structured"]

LOGGER = "mithridate"

_LONGEST_NAME = 64
_LONGEST_TEXT = 300
_MOST_NAMED = 20
_MOST_SPOKEN = 5
_MEASURED = ("accuracy", "asr", "delta_norm", "bytes_up")
_SECRET = re.compile(r"-----BEGIN.*?(-----END[^-]*-----|$)|[\w+/=~-]{32,}", re.DOTALL)
_KINDS = frozenset({"started", "round", "finished", "failed"})


def logged(run: str, logger: logging.Logger | None = None) -> Callable[[Mapping[str, Any]], None]:
    """A function that logs every event that it is given: failures as errors, refused rounds as warnings, the rest as information.

    Args:
        run: What the run is called.
        logger: Where to; None for the logger "mithridate".
    """
    to = logging.getLogger(LOGGER) if logger is None else logger

    def observe(event: Mapping[str, Any]) -> None:
        found = fields(event, run)
        if found is not None:
            to.log(_level(found), "%s", _sentence(found), extra={LOGGER: found})

    return observe


def fields(event: Mapping[str, Any], run: str) -> dict[str, Any] | None:
    """What is logged of an event: fields that are known to be harmless, and no others. None for an event of an unknown kind.

    >>> fields({"event": "round", "round": 2, "accuracy": 0.5, "key": "secret", "clients": []}, "r")["accuracy"]
    0.5
    """
    kind = event.get("event")
    if kind not in _KINDS:
        return None
    found: dict[str, Any] = {"event": kind, "run": spoken(run)}
    if kind == "started":
        return found | {"version": plain(event.get("version")), "rounds": _whole(event.get("rounds"))}
    if kind == "failed":
        return found | {"kind": spoken(event.get("kind")), "error": redacted(event.get("error"))}
    if kind == "finished":
        return found | {"rounds": _whole(event.get("rounds"))} | _measured(event)
    return found | {"round": _whole(event.get("round"))} | _measured(event) | _decided(event)


def _whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _word(value: Any) -> str | None:
    return None if value is None else spoken(value)


def _measured(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key in _MEASURED if (value := number(event.get(key))) is not None}


def _decided(event: Mapping[str, Any]) -> dict[str, Any]:
    """Who was heard in a round and who was not."""
    listed = event.get("clients")
    clients = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []
    met = Counter(known(each.get("status"), frozenset(STATES)) for each in clients)
    excluded = [each for each in clients if each.get("status") in ("dropped", "refused")]
    found: dict[str, Any] = {state: met[state] for state in STATES}
    found["refused_round"] = None if event.get("refused") is None else redacted(event["refused"])
    found["fall_back"] = _word(event.get("fall_back"))
    found["excluded"] = [
        {
            "client": spoken(each.get("client")),
            "stage": _word(each.get("stage")),
            "reason": _word(each.get("reason")),
        }
        for each in excluded[:_MOST_NAMED]
    ]
    found["not_named"] = max(0, len(excluded) - _MOST_NAMED)
    return found


def _level(found: Mapping[str, Any]) -> int:
    if found["event"] == "failed":
        return logging.ERROR
    refused = found.get("refused_round") not in (None, CHALLENGED)
    return logging.WARNING if refused or found.get("fall_back") is not None else logging.INFO


def _sentence(found: Mapping[str, Any]) -> str:
    if found["event"] != "round":
        return f"{found['run']}: {found['event']}"
    said = f"{found['run']}: round {found['round']}" if found["round"] is not None else f"{found['run']}: round"
    told = f"{said}: {found['counted']} counted, {found['dropped']} dropped, {found['refused']} refused"
    out = ", ".join(f"{each['client']} ({each['reason']})" for each in found["excluded"][:_MOST_SPOKEN])
    told += f"; not {out}" + (" ..." if len(found["excluded"]) > _MOST_SPOKEN else "") if out else ""
    return told if found["refused_round"] is None else f"{told}; refused: {found['refused_round']}"


class JsonLines(logging.Formatter):
    """A record as one line of ASCII JSON: time, level, logger, then the event's fields, or the message of an ordinary record.

    Args:
        clock: Seconds since 1970 for each record; None for the record's own.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        moment = record.created if self._clock is None else self._clock()
        found = getattr(record, LOGGER, None)
        head = {
            "time": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        body = dict(found) if isinstance(found, Mapping) else {"message": redacted(record.getMessage())}
        if record.exc_info and record.exc_info[1] is not None:
            body |= {"kind": type(record.exc_info[1]).__name__, "error": redacted(str(record.exc_info[1]))}
        return json.dumps(head | body, ensure_ascii=True, allow_nan=False, default=redacted)


def structured(stream: TextIO, clock: Callable[[], float] | None = None) -> logging.Handler:
    """Send the logger "mithridate", from information on, to a stream as lines of JSON; other loggers are left as they are.

    Returns:
        The handler, for `logging.getLogger("mithridate").removeHandler`.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(clock))
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler


def spoken(name: Any) -> str:
    r"""A stranger's name, fit for a log: short, printable, on one line.

    >>> spoken("c\n7\x1b"), spoken(7)
    ('c\ufffd7\ufffd', '<int>')
    """
    if not isinstance(name, str):
        return f"<{type(name).__name__}>"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:_LONGEST_NAME])


def redacted(text: Any) -> str:
    """A text without whatever could be a key, a token or a digest: 32 and more characters of base64 on end, long paths too.

    A short password in a sentence cannot be told from a word; the journal has the whole text.

    >>> redacted("cannot open with token 0123456789abcdef0123456789abcdef")
    'cannot open with token [redacted]'
    """
    found = _SECRET.sub("[redacted]", str(text)[: 16 * _LONGEST_TEXT])[:_LONGEST_TEXT]
    return "".join(c if c.isprintable() else " " for c in found)
