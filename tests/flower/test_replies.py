"""One reply taken apart: claims, a model, or a reason."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

from mithridate.flower.private import identified, numbered
from mithridate.flower.replies import OURS, model_of, opened
from mithridate.guard.claims import Refused
from mithridate.guard.policy import Policy

ARRAYS = {"w": Array(np.ones(4, np.float32))}


@pytest.fixture
def instruction():
    with identified(1):
        yield numbered(Message(RecordDict(), 5, "train"), "m")


def content(**records) -> RecordDict:
    return RecordDict(
        {"arrays": ArrayRecord(ARRAYS), "metrics": MetricRecord({"num-examples": 3, "loss": 0.5})} | records
    )


def test_a_reply_is_taken_apart(instruction):
    found = opened(Message(content(), reply_to=instruction), Policy(), 200)
    assert found.arrays["w"].tolist() == [1.0] * 4
    assert (found.examples, found.claims.numbers["loss"], found.names, found.signed) == (
        3,
        0.5,
        ("arrays", "metrics"),
        None,
    )


def test_what_it_says_of_itself_is_found(instruction):
    found = opened(Message(content(**{OURS: ConfigRecord({"run": "r"})}), reply_to=instruction), Policy(), 200)
    assert found.signed["run"] == "r"


def test_an_evaluation_brings_no_model_and_arrays_in_it_are_not_looked_at(instruction):
    broken = ArrayRecord({"w": Array("float32", (1,), "pickle", b"boom")})
    assert opened(Message(content(arrays=broken), reply_to=instruction), Policy(), None).arrays == {}


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ({"more": ArrayRecord(ARRAYS)}, "records"),
        ({"more": MetricRecord({"num-examples": 9})}, "records"),
        ({"arrays": ArrayRecord({"w": Array(np.ones(4000))})}, "too-many-bytes"),
        ({"arrays": ArrayRecord({"w": Array("float32", (4,), "numpy.ndarray", b"x")})}, "malformed"),
    ],
)
def test_odd_replies_are_turned_away_with_a_reason(instruction, records, reason):
    with pytest.raises(Refused) as caught:
        opened(Message(content(**records), reply_to=instruction), Policy(), 200)
    assert caught.value.reason == reason


def test_an_error_is_a_failure_and_its_text_is_made_harmless(instruction):
    with pytest.raises(Refused) as caught:
        opened(Message(Error(3, "a\x1b[31mb" + "x" * 999), reply_to=instruction), Policy(), 200)
    assert caught.value.reason == "failed"
    assert caught.value.detail.startswith("code 3: a [31mb")
    assert len(caught.value.detail) < 250


def test_a_model_is_one_array_record():
    assert model_of(content())[0] == "arrays"
    assert model_of(RecordDict()) is None
    assert model_of(content(more=ArrayRecord(ARRAYS))) is None
