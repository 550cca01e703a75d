"""A client that spends as fast as it can, to be killed: `python -m tests.privacy.spender FOLDER`.

Accounting is the mu of composed Gaussians instead of their epsilon, so that most of the time goes into writing.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from mithridate.privacy import budget
from mithridate.privacy.events import Gaussian

if __name__ == "__main__":
    budget.epsilon = lambda events, delta, method: math.sqrt(sum(e.noise_multiplier**-2 for e in events))  # type: ignore[assignment]  # the stand-in
    budget.repetitions_left = lambda *_: 0  # type: ignore[assignment]  # the stand-in
    mine = budget.Budget(Path(sys.argv[1]), "ward-7", epsilon=1.0, delta=1e-5)
    while True:
        mine.spend(Gaussian(1000.0))
        sys.stdout.write("released\n")
        sys.stdout.flush()
