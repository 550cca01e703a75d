"""Attacks are told, honest models are not, and what slips through is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mithridate.core.errors import ConfigurationError, PrivacyError
from mithridate.core.layout import Layout
from mithridate.privacy.imprint import ImprintCheck
from mithridate.sim.federation import Federation
from mithridate.sim.partition import Dirichlet
from mithridate.sim.scenario import Clients, ModelChoice, Scenario, TaskChoice
from mithridate.sim.tasks import load
from mithridate.sim.training import LocalTraining
from tests.privacy import imprints
from tests.shape.tree import ROOT

CHECK = ImprintCheck()
DIGITS = load("digits").x.reshape(-1, 64).astype(float)


def told(model):
    return {finding.statistic for finding in CHECK(model)}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("bins", [2, 8, 64, 300])
@pytest.mark.parametrize("kind", ["mean", "cosine", "any"])
def test_robbing_the_fed_is_told(bins, kind):
    assert "parallel-rows" in told(imprints.robbing(256, bins, rng(), kind, gain=1e-3))
    assert "parallel-rows" in told(imprints.robbing_sparse(256, bins, rng(), kind))
    half = {name: array.astype(np.float16) for name, array in imprints.robbing(256, bins, rng(), kind).items()}
    assert "parallel-rows" in told(half)


def test_its_layers_are_told_under_other_names_and_the_other_way_round():
    weight, bias, *_ = imprints.robbing(256, 32, rng()).values()
    assert "parallel-rows" in told({"0": weight, "1": bias})
    assert "parallel-rows" in told({"kernel": weight.T.copy(), "offset": bias})
    assert "parallel-rows" in told({"a.weight": weight, "bn.weight": np.ones(32), "bn.bias": bias})


def test_a_constant_input_in_place_of_the_bias_is_told():
    weight, bias, *_ = imprints.robbing(256, 32, rng()).values()
    weight[:, 7] = bias
    assert "outside-a-plane" in told({"w.weight": weight, "w.bias": np.zeros(32, np.float32)})


@pytest.mark.parametrize("units", [1, 8, 64, 512])
@pytest.mark.parametrize("scale", [0.5, 0.95, 0.99])
def test_trap_weights_are_told(units, scale):
    assert "paired-rows" in told(imprints.boenisch(196, units, rng(), scale))


@pytest.mark.parametrize("clients", [1, 3, 10])
def test_loki_and_its_sparse_sister_are_told(clients):
    found = told(imprints.loki(3, 8, 32, clients, clients - 1, rng()))
    assert {"identities", "parallel-rows", "typical-size"} <= found
    assert {"identities", "parallel-rows"} <= told(imprints.mandrake(3, 8, 32, clients, 0, rng()))
    assert ("zero-rows" in told(imprints.mandrake(3, 8, 32, clients, 0, rng()))) == (clients == 10)
    assert "identities" in told(imprints.loki(1, 8, 32, clients, 0, rng()))


def test_a_way_through_convolutions_is_told():
    assert told(imprints.through_convolutions(3, 32, rng())) == {"identities"}


def test_one_row_that_outshouts_the_others_is_told():
    weight = rng().standard_normal((10, 64)).astype(np.float32) / 8
    weight[3] *= 500
    assert "row-ratio" in told({"head.weight": weight})


@pytest.mark.parametrize(("noise", "found"), [(0.1, True), (0.2, True), (0.3, True), (0.5, False)])
def test_noise_on_the_rows_hides_them_from_a_half_on(noise, found):
    hidden = imprints.robbing(784, 64, rng(), "any")
    assert bool(told(imprints.blurred(hidden, noise, rng(1)))) == found


@pytest.mark.parametrize("part", [0.05, 0.2])
def test_bins_among_honest_rows_are_told(part):
    assert told(imprints.among_honest(784, 256, part, rng())) == {"parallel-rows"}


def test_trap_weights_drawn_apart_are_not_told():
    for seed in range(5):
        assert not told(imprints.boenisch(784, 256, rng(seed), exact=False))


def test_the_attacks_of_these_tests_do_steal():
    samples = DIGITS[rng().permutation(len(DIGITS))[:128]]
    brightness = DIGITS.mean(axis=1)
    bins = imprints.robbing(64, 512, rng(), mean=brightness.mean(), std=brightness.std())
    plain = imprints.stolen(bins["imprint.0.weight"], bins["imprint.0.bias"], samples)
    traps = imprints.boenisch(64, 512, rng(), 0.5)
    trapped = imprints.stolen(traps["fc.weight"], traps["fc.bias"], samples)
    honest = imprints.stolen(rng().uniform(-0.125, 0.125, (512, 64)), rng(1).uniform(-0.125, 0.125, 512), samples)
    assert plain > 2 * honest and trapped > honest > 0


def sent(build, seed):
    torch.manual_seed(seed)
    return {name: tensor.detach().numpy() for name, tensor in build().state_dict().items()}


def lenet():
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
    )


def residual():
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 32, 3, bias=False),
        nn.BatchNorm2d(32),
        nn.Conv2d(16, 32, 1, bias=False),
        nn.LayerNorm([8, 8]),
        nn.Linear(32, 10),
    )


def tabular():
    return torch.nn.Sequential(torch.nn.Linear(13, 64), torch.nn.Linear(64, 16), torch.nn.Linear(16, 2))


@pytest.mark.parametrize("build", [lenet, residual, tabular])
def test_a_model_as_pytorch_starts_it_is_not_told(build):
    for seed in range(15):
        assert not CHECK(sent(build, seed)), (build.__name__, seed)


def small(array, share):
    kept = np.abs(array) >= np.quantile(np.abs(array), share)
    return np.where(kept, array, 0) if array.ndim >= 2 else array


@pytest.mark.parametrize("model", ["mlp", "tests.privacy.starts:zero_head"])
def test_a_model_that_a_federation_trains_is_not_told_in_any_round_pruned_or_not(model):
    scenario = Scenario(
        rounds=8,
        task=TaskChoice("digits", limit=600),
        model=ModelChoice(model, (32, 16)) if model == "mlp" else ModelChoice(model),
        clients=Clients(4, partition=Dirichlet(alpha=0.1)),
        training=LocalTraining(lr=0.3, momentum=0.9, steps=8),
    )
    federation = Federation(scenario, threads=1)
    state, layout = federation.state(), federation.model.layout
    for number in range(scenario.rounds):
        _, state, *_ = federation.play(number, state)
        arrays = layout.unflatten(state["model"], federation.model.rest)
        for share in (0.0, 0.5, 0.9, 0.99):
            assert not CHECK({name: small(a, share) for name, a in arrays.items()}, layout), (number, share)


def test_the_rates_in_the_docstring_are_those_measured():
    table = json.loads((ROOT / "bench" / "results" / "imprint.json").read_text(encoding="utf-8"))["models"]

    def sums(*starts, never=()):
        found = [e for n, e in table.items() if n.startswith(starts) and not n.startswith(never or "-")]
        return f"{sum(e['flagged'] for e in found)} of {sum(e['models'] for e in found)}"

    text = " ".join(ImprintCheck.__doc__.split())
    assert f"{sums('fresh')} models as PyTorch starts them" in text
    assert f"{sums('trained')} after 1 to 25 rounds" in text
    assert f"{sums('pruned')} of those pruned" in text
    bins = tuple(f"Robbing the Fed, {kind}{n} bins" for kind in ("", "sparse, ") for n in (2, 8, 64, 512))
    assert f"{sums(*bins)} of Robbing the Fed" in text
    assert f"{sums('Robbing the Fed in')} hidden" in text
    assert f"{sums('trap weights,')} of trap weights" in text
    assert f"drawn apart: {sums('trap weights drawn')} told" in text
    assert f"{sums('LOKI', 'MANDRAKE')} of LOKI and MANDRAKE" in text
    assert f"{sums('a way through')} ways through" in text
    noise = [table[f"Robbing the Fed, {n}% noise on the rows"]["flagged"] for n in (10, 20, 30, 50)]
    assert "{}, {}, {} and {} of 20".format(*noise) in text


def test_what_slips_through_steals_as_much_as_is_said():
    stolen = json.loads((ROOT / "bench" / "results" / "imprint.json").read_text(encoding="utf-8"))["stolen"]
    plain, hidden = (stolen[f"128 images, Robbing the Fed, {n}% noise"] for n in (0, 50))
    fresh = stolen["32 images, as PyTorch starts them"]
    page = " ".join((ROOT / "docs" / "local-privacy.md").read_text(encoding="utf-8").split())
    for text in (" ".join(ImprintCheck.__doc__.split()), page):
        assert all(words in text for words in (f"{plain}", f"{hidden} of", f"{fresh} of 32"))
    assert stolen["32 images, trap weights"] <= fresh


MODEL = {"a.weight": np.eye(3, 4, dtype=np.float32), "a.bias": np.zeros(3, np.float32), "steps": np.array(0)}


@pytest.mark.parametrize(
    ("changed", "layer", "reason"),
    [
        ({"a.weight": np.zeros((3, 5), np.float32)}, "a.weight", "changed its shape"),
        ({"a.weight": np.zeros((3, 4))}, "a.weight", "changed its shape or dtype"),
        ({"b": np.zeros(2, np.float32)}, "b", "is new"),
        ({"steps": np.array(0.0)}, "steps", "changed its shape or dtype"),
    ],
)
def test_a_layer_that_changed_since_the_first_round_is_told(changed, layer, reason):
    first = Layout.of(MODEL)
    assert not CHECK(MODEL, first)
    (found,) = CHECK(MODEL | changed, first)
    assert found.layer == layer and found.statistic == "layout" and found.reason.startswith(reason)


def test_layers_that_went_or_moved_are_told():
    first = Layout.of(MODEL)
    (gone,) = CHECK({name: a for name, a in MODEL.items() if name != "a.bias"}, first)
    assert gone.layer == "a.bias" and gone.reason.startswith("is gone")
    (moved,) = CHECK(dict(reversed(MODEL.items())), first)
    assert "another order" in moved.reason
    assert {finding.layer for finding in CHECK({}, first)} == set(MODEL)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e31])
def test_numbers_beyond_use_are_told_and_not_judged_further(value):
    (found,) = CHECK({"w.weight": np.full((20, 20), value)})
    assert found.statistic == "largest"


def test_a_finding_names_layer_figure_threshold_and_reason():
    weight, bias, *_ = imprints.robbing(64, 32, rng()).values()
    found = CHECK({"fc.weight": weight, "fc.bias": bias})[0]
    assert str(found) == (
        "fc.weight: rows point the same way with staggered thresholds, as the bins of an imprint layer "
        "(parallel-rows 1, threshold 0.05)"
    )


def test_refusing_raises_for_attacks_and_is_silent_for_others():
    CHECK.refuse(sent(lenet, 0))
    with pytest.raises(PrivacyError, match=r"may copy samples into the update: imprint\.0\.weight: rows point"):
        CHECK.refuse(imprints.robbing(64, 32, rng()))


@pytest.mark.parametrize("field", ["parallel", "cosine", "outside", "paired", "balance", "size", "ratio", "zero"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), "1", None])
def test_a_threshold_out_of_range_is_refused(field, value):
    with pytest.raises(ConfigurationError, match=field):
        ImprintCheck(**{field: value})


shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=9)
anything = st.dictionaries(
    st.sampled_from(["a.weight", "a.bias", "b.weight", "b.bias", "", "weight", "0"]),
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.bool_, np.complex64]),
        shapes,
    ),
    max_size=5,
)


@given(model=anything)
def test_whatever_a_server_sends_is_judged_without_an_error(model):
    for finding in CHECK(model):
        assert finding.layer in model and finding.reason
