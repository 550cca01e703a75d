"""Strangers are refused, and a deployment that lets one in is a failure."""

from __future__ import annotations

import pytest

from mithridate.core.errors import MithridateError
from mithridate.lab import strangers
from mithridate.lab.federation import prepare
from mithridate.lab.strangers import STRANGERS, knock

SOUND = [
    "flower-supernode",
    "--superlink",
    "a",
    "--root-certificates",
    "b",
    "--auth-supernode-private-key",
    "c",
    "--port",
    "1",
]


@pytest.mark.parametrize(
    ("number", "missing"), [(0, set()), (1, {"--auth-supernode-private-key", "c"}), (2, {"--root-certificates", "b"})]
)
def test_a_stranger_lacks_one_thing(number, missing):
    altered = STRANGERS[number].altered(SOUND)
    assert set(SOUND) - set(altered) == missing
    assert altered == [word for word in SOUND if word not in missing]


def test_each_is_refused_with_its_reason(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "refuses")
    list(prepare(lab))
    events = list(knock(lab))
    assert [event["who"] for event in events] == [stranger.name for stranger in STRANGERS]
    assert events[0]["said"].startswith("[code: 2004]")


def test_one_who_gets_in_is_a_failure(lab, monkeypatch):
    monkeypatch.setattr(strangers, "ANSWER_S", 1.0)
    list(prepare(lab))
    with pytest.raises(MithridateError, match="a key that nobody registered was not refused in 1 s"):
        list(knock(lab))


def test_one_who_fails_for_another_reason_is_a_failure(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "dies")
    list(prepare(lab))
    with pytest.raises(MithridateError, match="ended with exit code 1"):
        list(knock(lab))
