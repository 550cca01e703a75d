"""Liars of a federation in this process: each sends what its name says, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.errors import UnknownName
from mithridate.flower.arrays import arrays_of
from mithridate.flower.lies import GARBAGE, LIES, lying
from mithridate.flower.local import LocalGrid, LocalNode
from mithridate.flower.private import identified
from tests.flower.federation import MODEL, client_app, reply

AWAY = {"w": np.full((2, 3), 1.0, np.float32), "b": np.full(3, 0.5, np.float32), "steps": np.array(7)}


def step(message, context):
    """A client that moves every parameter by a half: w from 0.5 to 1, b from 0 to 0.5."""
    return reply(message, dict(AWAY), {"num-examples": 5})


def told(how, kind="train"):
    node = LocalNode(lying(step, how, seed=3), 1, {"partition-id": 0, "num-partitions": 1})
    grid = LocalGrid([node])
    with identified(1):
        start = MODEL | {"w": np.full((2, 3), 0.5, np.float32), "b": np.zeros(3, np.float32)}
        message = grid.create_message(reply_content(start), kind, 1, "1")
        (answer,) = grid.send_and_receive([message])
    return answer


def reply_content(arrays):
    from flwr.app import RecordDict

    from mithridate.flower.arrays import record_of

    return RecordDict({"arrays": record_of(arrays)})


@pytest.mark.parametrize(
    ("how", "w", "b"), [("nan", np.nan, np.nan), ("sign-flip", -4.5, -5), ("scaled", 50.5, 50), ("zero", 0.5, 0)]
)
def test_a_lie_is_what_its_name_says(how, w, b):
    answer = told(how)
    arrays = arrays_of(answer.content["arrays"])
    assert np.array_equal(arrays["w"], np.full((2, 3), w, np.float32), equal_nan=True)
    assert np.array_equal(arrays["b"], np.full(3, b, np.float32), equal_nan=True)
    assert arrays["steps"] == 7
    assert answer.content["metrics"]["num-examples"] == 5


def test_noise_is_drawn_from_the_seed():
    first, again = (arrays_of(told("noise").content["arrays"])["w"] for _ in range(2))
    assert np.array_equal(first, again)
    assert 0.2 < np.std(first) < 3


def test_garbage_has_the_right_names_and_no_arrays():
    answer = told(GARBAGE)
    assert list(answer.content["arrays"]) == list(AWAY)
    assert {array.data for array in answer.content["arrays"].values()} == {b"not an array"}


@pytest.mark.parametrize("how", [*LIES, GARBAGE])
def test_a_liar_evaluates_honestly(how):
    honest = client_app()
    node = LocalNode(lying(honest, how), 1, {"partition-id": 0, "num-partitions": 1})
    grid = LocalGrid([node])
    with identified(1):
        (answer,) = grid.send_and_receive([grid.create_message(reply_content(MODEL), "evaluate", 1, "1")])
    assert answer.content["metrics"]["loss"] > 0


def test_an_unknown_lie_is_named():
    with pytest.raises(UnknownName, match="unknown lie 'signflip'; did you mean 'sign-flip'"):
        lying(step, "signflip")
