"""Flower's strategies as an independent oracle, on vectors that `bench/peers/flwr_vectors.py` recorded.

Flower has every rule twice: `flwr.server.strategy.aggregate` ("server") and `flwr.serverapp.strategy` ("app").
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mithridate.core.errors import UnmetPrecondition
from mithridate.rules import Bulyan, Krum, Mean, Median, MultiKrum, TrimmedMean, WeightedMean
from mithridate.testing import cohort
from tests.rules import oracles

FILE = Path(__file__).parent.parent / "vectors" / "flwr.json"
CASES = json.loads(FILE.read_text())["cases"]
LARGE = [case for case in CASES if len(case["rows"]) >= 4 * case["f"] + 3]
CENTRED = [case for case in LARGE if not case["offset"]]
FAR_FROM_ZERO = [case for case in LARGE if case["offset"]]
SMALL = [case for case in CASES if case not in LARGE]
ROOMS = ("server", "app")


def rows_of(case):
    return np.array(case["rows"], np.float32)


def near(found, recorded, case):
    """Flower adds up in float32: its error grows with the size of the values."""
    return np.allclose(found, recorded, rtol=0, atol=4e-7 * max(1.0, float(np.abs(rows_of(case)).max())))


def weighted(case, rows):
    examples = np.array(case["examples"], float)[rows]
    return examples @ rows_of(case).astype(float)[rows] / examples.sum()


def test_the_file_stays_small_and_says_how_it_was_made():
    about = json.loads(FILE.read_text())
    assert FILE.stat().st_size < 60_000
    assert about["command"].startswith("python bench/peers/flwr_vectors.py")
    assert len(CENTRED) >= 4 and FAR_FROM_ZERO and SMALL


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("case", CASES)
def test_the_median_agrees(case, room):
    assert near(Median()(cohort(rows_of(case))).delta, case["results"][f"{room} Median"], case)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("case", CASES)
def test_the_weighted_mean_agrees_once_its_cap_is_out_of_reach(case, room):
    """FedAvg has no cap: a client's say is what it claims."""
    claimed = cohort(rows_of(case), weights=case["examples"])
    assert near(WeightedMean(cap=1e9)(claimed).delta, case["results"][f"{room} FedAvg"], case)


def test_our_own_cap_is_what_the_weighted_mean_differs_by():
    case = max(CENTRED, key=lambda case: max(case["examples"]) / np.median(case["examples"]))
    claimed = cohort(rows_of(case), weights=case["examples"])
    assert not near(WeightedMean(cap=1.0)(claimed).delta, case["results"]["server FedAvg"], case)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("beta", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("case", CASES)
def test_the_trimmed_mean_agrees_for_f_equal_to_beta_n_rounded_down(case, beta, room):
    f = int(beta * len(case["rows"]))
    assert near(TrimmedMean(f)(cohort(rows_of(case))).delta, case["results"][f"{room} Trimmed {beta}"], case)


@pytest.mark.parametrize("room", ROOMS)
def test_a_fifth_of_four_rows_is_none_so_nothing_is_trimmed(room):
    """Flower rounds beta n down without a word: one liar among four is believed."""
    (case,) = SMALL
    assert len(case["rows"]) == 4
    found = case["results"][f"{room} Trimmed 0.2"]
    assert near(Mean()(cohort(rows_of(case))).delta, found, case)
    assert not near(TrimmedMean(1)(cohort(rows_of(case))).delta, found, case)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("case", CENTRED)
def test_krum_agrees(case, room):
    assert near(Krum(case["f"])(cohort(rows_of(case))).delta, case["results"][f"{room} Krum"], case)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("case", CENTRED)
def test_multi_krum_picks_the_same_rows_but_flower_weighs_them_by_claimed_examples(case, room):
    f, recorded = case["f"], case["results"][f"{room} MultiKrum"]
    ours = MultiKrum(f)(cohort(rows_of(case)))
    picked = np.flatnonzero(MultiKrum(f).share(cohort(rows_of(case)))[0])
    assert near(weighted(case, picked), recorded, case)
    assert not near(ours.delta, recorded, case)


@pytest.mark.parametrize("case", LARGE)
def test_bulyan_agrees_with_the_older_code(case):
    """`aggregate_bulyan` scores anew after every pick, like the paper and this; it too keeps at least one neighbour."""
    assert near(Bulyan(case["f"])(cohort(rows_of(case))).delta, case["results"]["server Bulyan"], case)


@pytest.mark.parametrize("case", CENTRED)
def test_bulyan_of_the_newer_code_picks_all_rows_with_one_scoring(case):
    rows, f, recorded = rows_of(case).astype(float), case["f"], case["results"]["app Bulyan"]
    once = np.argsort(oracles.krum_scores(rows, f))[: len(rows) - 2 * f]
    assert near(oracles.bulyan(rows, once, f), recorded, case)
    assert not near(Bulyan(f)(cohort(rows)).delta, recorded, case)


@pytest.mark.parametrize("case", FAR_FROM_ZERO)
def test_far_from_zero_the_newer_distances_cancel(case):
    """‖a‖² + ‖b‖² - 2ab in float32: for models near 100 that differ by .01, what is left is rounding; it picks another row.

    The older code subtracts first, and agrees. Ours centres the rows before it multiplies them.
    """
    rows, f = rows_of(case), case["f"]
    truth = oracles.krum(rows.astype(float), f)
    assert near(Krum(f)(cohort(rows)).delta, truth, case)
    assert near(case["results"]["server Krum"], truth, case)
    norms = np.square(rows).sum(axis=1)
    distances = norms[:, None] + norms[None, :] - 2 * rows @ rows.T
    error = np.abs(distances - oracles.squared(rows.astype(float))).max()
    assert error > np.median(oracles.squared(rows.astype(float)))
    assert not near(case["results"]["app Krum"], truth, case)
    assert any(near(row, case["results"]["app Krum"], case) for row in rows)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("rule", [Krum, MultiKrum])
@pytest.mark.parametrize("case", SMALL)
def test_flower_answers_where_krum_has_no_guarantee(case, rule, room):
    """n = 4, f = 1: the paper asks for n >= 2 f + 3. Flower scores by one neighbour, and says nothing."""
    assert case["results"][f"{room} {rule.__name__}"] is not None
    with pytest.raises(UnmetPrecondition):
        rule(case["f"])(cohort(rows_of(case)))


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("case", SMALL)
def test_too_few_rows_for_bulyan_are_refused_by_all(case, room):
    assert case["results"][f"{room} Bulyan"] is None
    with pytest.raises(UnmetPrecondition):
        Bulyan(case["f"])(cohort(rows_of(case)))
