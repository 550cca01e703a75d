"""A look at the model that a server sends: layers made to copy samples into the update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mithridate.core.errors import PrivacyError
from mithridate.core.kernels import LARGEST
from mithridate.core.layout import Layout
from mithridate.core.protocols import fits
from mithridate.privacy import layers
from mithridate.privacy.layers import Weights

__all__ = ["Finding", "ImprintCheck"]


@dataclass(frozen=True)
class Finding:
    """What speaks against one layer of a model."""

    layer: str
    statistic: str
    value: float
    threshold: float
    reason: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.reason} ({self.statistic} {self.value:.3g}, threshold {self.threshold:.3g})"


@dataclass(frozen=True)
class ImprintCheck:
    """Look for layers that make a client's update hold its samples, in the arrays that a server sends, before training on them.

    Attacks of this kind set a layer's weights so that few samples switch on each unit: the gradient of that unit's row then is a
    sample. One step suffices, batches and secure aggregation do not help. Each figure looks for one way of doing so, on every
    layer of two dimensions or more; the functions of `layers` say exactly what they are.

    parallel-rows, outside-a-plane: rows that measure one and the same number with staggered thresholds (Robbing the Fed; LOKI).
    paired-rows, balance: rows whose positive half is the negative half times s < 1, shuffled (trap weights).
    identities: convolutions that pass the image on. typical-size, row-ratio: the factors of 500 and 1000 by which LOKI outruns
    local steps. zero-rows: clients kept apart in the sum by silent rows or columns. layout: a layer that came, went or changed.

    Args:
        parallel: Share of rows with a parallel partner from which on the layer is told; (0, 1].
        cosine: Which rows are parallel; (0, 1].
        outside: Part of the rows' energy outside a plane up to which it is told; [0, 1].
        paired: Share of paired rows from which on; (0, 1].
        balance: Deviation of the rows' sums up to which; [0, 1].
        size: Root mean square weight from which on; at least 1.
        ratio: Longest row over the median one, from which on; at least 1.
        zero: Share of silent rows or columns from which on; (0, 1].
    Cost: O(k n min(k, 1024)) for k rows of n inputs, one layer at a time in float64: 0.2 s for 512 x 3072, 6 s for 4096 x 4096.
    From: Fowl et al., ICLR 2022, arXiv:2110.13057; Boenisch et al., EuroS&P 2023, arXiv:2112.02918; Zhao et al., S&P 2024,
        arXiv:2303.12233 (LOKI) and CVPR 2023 (MANDRAKE). That clients can look for such layers: Carletti et al. 2025,
        arXiv:2511.10502; the figures and thresholds here are our own.
    Differs: the formulas of the attacks were taken from LOKI's authors' text on MANDRAKE and public code (breaching; a copy of
        LOKI's demonstration), not checked line by line against the printed papers.

    Measured (bench/imprint.py, bench/results/imprint.json). Told wrongly: 0 of 140 models as PyTorch starts them (MLP, LeNet-5,
    ResNet-, MobileNet- and transformer-like), 0 of 80 after 1 to 25 rounds of 20 federations in the simulator, 0 of 400 of those
    pruned by number (50, 90, 99 %) or by row (50, 80 %); with no case in 620, the true rate is below 0.5 % for models like these
    (95 %, were they independent). Told rightly: 480 of 480 of Robbing the Fed with 2 to 512 bins, 40 of 40 hidden in 5 or 20 % of
    an honest layer, 180 of 180 of trap weights, 80 of 80 of LOKI and MANDRAKE, 20 of 20 ways through convolutions. Under noise of
    10, 20, 30 and 50 % on each row: 20, 20, 20 and 0 of 20.

    Weak against: whoever knows it. Trap weights whose halves are drawn apart: 0 of 180 told, and they are as good a trap. Noise
    of 50 % on the rows, which still steals 26 of 128 images at once where the plain attack steals 114. Layers of fewer than 8
    inputs or units, models trained towards stealing (SEER), and all that an honest layer gives away by itself: 512 fresh units
    give 10 of 32 MNIST images in one step, as many as trap weights do. It finds known attacks; only noise (`ClippedGaussian`)
    protects from others. Told wrongly: Dirac starts of convolutions, ICNR and other starts with equal rows, pruning of 90 % of
    all rows.

    >>> model = {"w.weight": np.ones((16, 64), np.float32), "w.bias": np.linspace(-1, 1, 16, dtype=np.float32)}
    >>> [finding.statistic for finding in ImprintCheck()(model)]
    ['parallel-rows', 'outside-a-plane', 'balance']
    """

    parallel: float = 0.05
    cosine: float = 0.9
    outside: float = 0.12
    paired: float = 0.1
    balance: float = 0.1
    size: float = 10.0
    ratio: float = 50.0
    zero: float = 0.9

    def __post_init__(self) -> None:
        for name in ("parallel", "cosine", "paired", "zero"):
            fits(getattr(self, name), 0, 1, name, open_low=True)
        for name in ("outside", "balance"):
            fits(getattr(self, name), 0, 1, name)
        for name in ("size", "ratio"):
            fits(getattr(self, name), 1, math.inf, name)

    def __call__(self, arrays: Mapping[str, np.ndarray], first: Layout | None = None) -> tuple[Finding, ...]:
        """What speaks against the layers of a model; nothing where nothing does. `first` is the layout of the first round, or
        better of the client's own model."""
        found = list(_reshaped(arrays, first))
        sizes = {name: _largest(array) for name, array in arrays.items()}
        wild = [name for name, size in sizes.items() if not size <= LARGEST]
        found += [
            Finding(name, "largest", sizes[name], LARGEST, "holds NaN, Inf or a size beyond use") for name in wild
        ]
        judged = {name: array for name, array in arrays.items() if name not in wild}
        for weights in layers.weights_of(judged):
            found += self._of(weights)
        return tuple(dict.fromkeys(found))

    def refuse(self, arrays: Mapping[str, np.ndarray], first: Layout | None = None) -> None:
        """Nothing, or a PrivacyError that names every finding: then do not train."""
        if found := self(arrays, first):
            raise PrivacyError("the model may copy samples into the update: " + "; ".join(map(str, found[:5])))

    def _of(self, weights: Weights) -> Iterator[Finding]:
        for name, statistic, threshold, above, reason in self.statistics():
            value = statistic(weights)
            if value >= threshold if above else value <= threshold:
                yield Finding(weights.name, name, value, threshold, reason)

    def statistics(self) -> tuple[tuple[str, Callable[[Weights], float], float, bool, str], ...]:
        """Name, figure, threshold, whether to be above it is bad, and why."""
        return (
            ("parallel-rows", lambda w: layers.parallel_rows(w, self.cosine), self.parallel, True,
             "rows point the same way with staggered thresholds, as the bins of an imprint layer"),
            ("outside-a-plane", layers.outside_a_plane, self.outside, False,
             "all rows lie in one plane: the layer measures one number of a sample"),
            ("paired-rows", layers.paired_rows, self.paired, True,
             "positive weights are the negative ones times a factor, as in trap weights"),
            ("balance", layers.balance, self.balance, False,
             "the rows' sums agree as chance never makes them, as in trap weights"),
            ("identities", layers.identities, 1.0, True,
             "kernels pass every input channel on untouched"),
            ("typical-size", layers.typical_size, self.size, True, "weights of a size that training does not reach"),
            ("row-ratio", layers.row_ratio, self.ratio, True, "a row that outshouts all others"),
            ("zero-rows", layers.zero_rows, self.zero, True,
             "nearly all rows or columns are silent and the rest is not: samples are kept apart"),
        )  # fmt: skip


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0)) if array.dtype.kind == "f" else 0.0


def _reshaped(arrays: Mapping[str, np.ndarray], first: Layout | None) -> Iterator[Finding]:
    """Arrays that came, went, moved or changed their shape or dtype."""
    if first is None:
        return
    now = Layout.of(arrays).entries if arrays else ()
    before = {entry.name: entry for entry in first.entries}
    after = {entry.name: entry for entry in now}
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            reason = (
                "is new" if name not in before else "is gone" if name not in after else "changed its shape or dtype"
            )
            yield Finding(name, "layout", 1.0, 0.0, f"{reason} since the first round")
    if [e.name for e in now] != [e.name for e in first.entries] and set(before) == set(after):
        yield Finding(now[0].name, "layout", 1.0, 0.0, "the layers stand in another order than in the first round")
