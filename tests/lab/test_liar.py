"""The lies, and how they reach a reply."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.errors import UnknownName
from mithridate.lab import liar
from mithridate.lab.liar import LIES, lie
from mithridate.lab.stolen import LIE_FILE

SENT = {"w": np.array([1.0, 2.0], np.float32), "b": np.array([0.5], np.float32)}
TRAINED = {"w": np.array([1.5, 2.0], np.float32), "b": np.array([0.25], np.float32)}


def test_reverse_goes_ten_steps_back():
    told = lie("reverse", SENT, TRAINED)
    assert told["w"].tolist() == [-4.0, 2.0]
    assert told["b"].tolist() == [3.0]


def test_none_is_the_truth():
    assert lie("none", SENT, TRAINED) == TRAINED


def test_nan_is_nowhere_a_number():
    assert all(np.isnan(array).all() for array in lie("nan", SENT, TRAINED).values())


def test_shape_is_one_number():
    assert [array.shape for array in lie("shape", SENT, TRAINED).values()] == [(1,), (1,)]


@pytest.mark.parametrize("name", sorted(LIES))
def test_every_lie_keeps_names_and_kinds_and_leaves_what_it_was_given(name):
    before = {key: array.copy() for key, array in TRAINED.items()}
    told = lie(name, SENT, TRAINED)
    assert {key: array.dtype for key, array in told.items()} == {key: array.dtype for key, array in TRAINED.items()}
    assert all(np.array_equal(before[key], TRAINED[key]) for key in before)


def test_an_unknown_lie_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match="did you mean 'reverse'"):
        lie("revers", SENT, TRAINED)


def test_a_bent_app_answers_with_the_lie_and_the_function_itself_stays_honest(tmp_path, monkeypatch):
    flwr = pytest.importorskip("flwr.app")
    from flwr.clientapp import ClientApp

    monkeypatch.setattr(ClientApp, "train", ClientApp.train)
    monkeypatch.setattr(ClientApp, "__call__", ClientApp.__call__)
    monkeypatch.setenv(LIE_FILE, str(tmp_path / "lie"))
    (tmp_path / "lie").write_text("reverse\n")
    liar.corrupt()
    app = ClientApp()

    class Told:
        def __init__(self, arrays):
            records = {"arrays": flwr.ArrayRecord({name: flwr.Array(array) for name, array in arrays.items()})}
            self.content = flwr.RecordDict(records)

    @app.train()
    def fit(message, context):
        return Told(TRAINED)

    reply = app._registered_funcs["train.default"](Told(SENT), None)
    assert reply.content["arrays"]["w"].numpy().tolist() == [-4.0, 2.0]
    assert fit(Told(SENT), None).content["arrays"]["w"].numpy().tolist() == [1.5, 2.0]
