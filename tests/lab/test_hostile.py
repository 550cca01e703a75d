"""The replies that no honest client sends, and what a guard in this process says of them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.told import SENT
from mithridate.lab import liar
from mithridate.lab.hostile import HOSTILE
from mithridate.lab.liar import known
from mithridate.lab.stolen import LIE_FILE

flwr = pytest.importorskip("flwr.app")


class Told:
    """What a message or a reply is to a liar."""

    def __init__(self, round=1, kind="train"):
        arrays = {"w": np.ones((2, 3), np.float32), "b": np.zeros(3, np.float32)}
        records = {
            "arrays": flwr.ArrayRecord({name: flwr.Array(array) for name, array in arrays.items()}),
            "metrics": flwr.MetricRecord({"num-examples": 3, "train-loss": 0.5}),
            "config": flwr.ConfigRecord({"server-round": round}),
        }
        self.content = flwr.RecordDict(records)
        self.metadata = type("Metadata", (), {"message_type": kind})

    def has_error(self):
        return False


class Context:
    """What a node knows: where the lab's data lie."""

    def __init__(self, data):
        self.run_config = {"data": str(data)}


@pytest.fixture
def bent(tmp_path):
    """The content of a reply after a lie; ten samples are in the lab's data, three of them the liar's."""
    np.savez(tmp_path / "data.npz", y=np.zeros(10))

    def bend(name):
        content = Told().content
        HOSTILE[name].bend(content, Context(tmp_path / "data.npz"))
        return content

    return bend


def test_keys_are_wrong_or_missing(bent):
    assert list(bent("wrong-keys")["arrays"]) == ["module.w", "module.b"]
    assert list(bent("missing-key")["arrays"]) == ["w"]


@pytest.mark.parametrize("name", ["garbage", "header-bomb"])
def test_bytes_that_are_no_array_are_declared_as_one_and_told_after_the_signature(bent, name):
    array = bent(name)["arrays"]["w"]
    assert (array.dtype, tuple(array.shape)) == ("float32", (2, 3))
    assert len(array.data) < 200
    assert not HOSTILE[name].signed
    with pytest.raises((ValueError, MemoryError)):
        array.numpy()


def test_the_bomb_claims_4e11_floats(bent):
    assert b"(400000000000,)" in bent("header-bomb")["arrays"]["w"].data


def test_a_packed_array_keeps_its_head_and_has_another_body(bent):
    honest = Told().content["arrays"]["w"].deflate()
    for name, body in (("torn", b"\xde\xad" * 99), ("repeated-part", b'"arraychunk_ids": [0, 0, 0')):
        array = bent(name)["arrays"]["w"]
        packed = array.deflate()
        head, _, rest = packed.partition(b"\x00")
        assert head.rpartition(b" ")[0] == honest.partition(b"\x00")[0].rpartition(b" ")[0]
        assert int(head.rpartition(b" ")[2]) == len(rest)
        assert body in rest
        assert array.numpy().shape == (2, 3)  # in its own process it is as it was
        assert not HOSTILE[name].signed


def test_floats_become_complex(bent):
    assert {array.dtype for array in bent("complex")["arrays"].values()} == {"complex64"}


def test_the_model_comes_twice(bent):
    assert set(bent("two-models").array_records) == {"arrays", "more"}


def test_claims_of_examples_bring_the_total_to_nothing_or_beyond_measure(bent):
    assert bent("examples-total-0")["metrics"]["num-examples"] == -7
    assert bent("examples-1e12")["metrics"]["num-examples"] == 10**12


def test_a_metric_is_added(bent):
    assert set(bent("extra-metric")["metrics"]) == {"num-examples", "train-loss", "evil"}


def test_every_lie_that_is_measured_over_tls_is_one_of_the_lab():
    assert set(SENT) <= set(known())
    assert set(HOSTILE) <= set(SENT)


@pytest.mark.parametrize(("round", "keys"), [(1, ["w", "b"]), (2, ["module.w", "module.b"]), (3, ["w"]), (9, ["w"])])
def test_each_round_has_its_lie_and_the_last_holds_on(tmp_path, monkeypatch, round, keys):
    monkeypatch.setenv(LIE_FILE, str(tmp_path / "lie"))
    (tmp_path / "lie").write_text("none wrong-keys missing-key")
    reply = liar._lying(Told(round), Told(), None)
    assert list(reply.content["arrays"]) == keys


@pytest.mark.parametrize(("kind", "raw"), [("train", 198), ("evaluate", None)])
def test_bytes_are_changed_on_the_way_out_of_trainings_only(tmp_path, monkeypatch, kind, raw):
    monkeypatch.setenv(LIE_FILE, str(tmp_path / "lie"))
    (tmp_path / "lie").write_text("garbage")
    honest = len(Told().content["arrays"]["w"].data)
    inside = liar._lying(Told(kind=kind), Told(), None)
    assert len(inside.content["arrays"]["w"].data) == honest
    outside = liar._sending(Told(kind=kind), inside, None)
    assert len(outside.content["arrays"]["w"].data) == (raw or honest)


def test_a_replay_sends_the_reply_that_was_meant_for_the_round_before(tmp_path, monkeypatch):
    monkeypatch.setenv(LIE_FILE, str(tmp_path / "lie"))
    (tmp_path / "lie").write_text("none replay")
    sent = []
    for round in (1, 2, 3):
        meant = Told(round)
        meant.content["metrics"]["train-loss"] = float(round)
        sent.append(liar._sending(Told(round), meant, None).content["metrics"]["train-loss"])
    assert sent == [1.0, 1.0, 2.0]
