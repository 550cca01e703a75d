"""First the budget, then the noise."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.errors import BudgetExceeded, PrivacyError
from mithridate.privacy import Budget, ClippedGaussian, release

SENT = {"w": np.zeros(4, np.float32)}
TRAINED = {"w": np.ones(4, np.float32)}
MECHANISM = ClippedGaussian(1.0, 8.0)


def test_a_release_is_spent_and_then_made(tmp_path):
    mine = Budget(tmp_path, "ward-7", 1.0, 1e-5)
    seen = []

    def noise(size):
        seen.append(mine.path.read_bytes().count(b"noise-multiplier"))
        return np.zeros(size)

    reply = release(MECHANISM, mine, SENT, TRAINED, "run 1, round 0", noise)
    assert seen == [1]
    assert reply.balance.releases == 1 and reply.balance.rounds_left == 0
    assert reply.released.arrays["w"] == pytest.approx(np.full(4, 0.5), abs=1e-5)


def test_what_does_not_fit_draws_no_noise_and_sends_nothing(tmp_path):
    mine = Budget(tmp_path, "ward-7", 1.0, 1e-5)
    release(MECHANISM, mine, SENT, TRAINED)
    with pytest.raises(BudgetExceeded):
        release(MECHANISM, mine, SENT, TRAINED, noise=lambda size: pytest.fail("noise was drawn"))


def test_a_damaged_ledger_sends_nothing(tmp_path):
    mine = Budget(tmp_path, "ward-7", 1.0, 1e-5)
    mine.path.touch(0o600)
    mine.path.write_text("{}\n")
    with pytest.raises(PrivacyError, match="damaged"):
        release(MECHANISM, mine, SENT, TRAINED, noise=lambda size: pytest.fail("noise was drawn"))


def test_arrays_that_do_not_belong_together_cost_but_do_not_leave(tmp_path):
    mine = Budget(tmp_path, "ward-7", 1.0, 1e-5)
    with pytest.raises(Exception, match="names, order, shapes and kinds"):
        release(MECHANISM, mine, SENT, {"v": np.ones(4, np.float32)})
    assert mine.balance().releases == 1
