"""The aggregator for NVIDIA FLARE, called as its ScatterAndGather calls it: with nvflare if it is installed, else stand-ins."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from tests.docs.pages import ROOT
from tests.examples import flare

MODEL = {"w": np.array([1.0, 1.0], np.float32), "steps": np.array(5)}


@pytest.fixture
def example(monkeypatch):
    """The example's module."""
    if importlib.util.find_spec("nvflare") is None:
        for name, module in flare.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("nvflare_aggregator", ROOT / "examples" / "nvflare_aggregator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reply(example, client, data, kind, steps=10):
    from nvflare.apis.fl_constant import ReservedKey, ReturnCode

    meta = {example.MetaKey.NUM_STEPS_CURRENT_ROUND: steps}
    shareable = example.DXO(kind, meta=meta, data=data).to_shareable()
    shareable.set_peer_props({ReservedKey.IDENTITY_NAME: client})
    shareable.set_return_code(ReturnCode.OK)
    return shareable


def context(example):
    from nvflare.apis.fl_context import FLContext

    made = FLContext()
    made.set_prop(example.AppConstants.GLOBAL_MODEL, {example.ModelLearnableKey.WEIGHTS: MODEL}, True, False)
    return made


@pytest.mark.parametrize(("kind", "at"), [("WEIGHT_DIFF", 0), ("WEIGHTS", 1)])
def test_a_liar_is_left_out_round_after_round(example, kind, at, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('[guard]\nrule = { name = "trimmed-mean", f = 1 }\n')
    aggregator, here = example.GuardedAggregator(str(policy), kind), context(example)
    for _ in range(2):
        for client, value in (("ann", 0.2), ("bob", 0.4), ("cat", 0.6)):
            data = {"w": np.full(2, at + value, np.float32), "steps": np.array(9)}
            assert aggregator.accept(reply(example, client, data, kind), here)
        evil = {"w": np.full(2, np.nan, np.float32), "steps": np.array(9)}
        assert aggregator.accept(reply(example, "eve", evil, kind), here)
        found = example.from_shareable(aggregator.aggregate(here))
        assert found.data_kind == kind
        assert np.allclose(found.data["w"], at + 0.4)
    assert aggregator.rounds.round == 2


def test_what_is_no_reply_is_not_accepted(example):
    from nvflare.apis.fl_constant import ReturnCode
    from nvflare.apis.shareable import Shareable

    aggregator, here = example.GuardedAggregator(), context(example)
    data = {"w": np.ones(2, np.float32), "steps": np.array(9)}
    failed = reply(example, "ann", data, "WEIGHT_DIFF")
    failed.set_return_code(ReturnCode.EXECUTION_EXCEPTION)
    assert not aggregator.accept(failed, here)
    assert not aggregator.accept(reply(example, "ann", data, "WEIGHTS"), here)
    assert not aggregator.accept(reply(example, None, data, "WEIGHT_DIFF"), here)
    assert not aggregator.accept(Shareable(), here)
    found = example.from_shareable(aggregator.aggregate(here))
    assert not found.data["w"].any()
