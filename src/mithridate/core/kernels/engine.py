"""Which kernels run: the compiled ones where numba is installed and the cohort is worth it, else those of numpy alone."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

import numpy as np

from mithridate.core.kernels import plain

__all__ = ["Kernels", "fastest", "threads"]

_WORTH_COMPILING = 1 << 16


class Kernels(Protocol):
    """What both sets of kernels offer; `plain` says what each does."""

    def trimmed_mean(self, strip: np.ndarray, program: np.ndarray, trim: int, out: np.ndarray) -> bool: ...
    def mean_around_median(
        self, strip: np.ndarray, rows: np.ndarray, program: np.ndarray, keep: int, out: np.ndarray
    ) -> bool: ...
    def column_signs(self, strip: np.ndarray, out: np.ndarray) -> bool: ...
    def weighted_sums(
        self, weights: np.ndarray, used: np.ndarray, strip: np.ndarray, largest: float, out: np.ndarray
    ) -> bool: ...
    def centred_products(self, strip: np.ndarray, rows: np.ndarray, centre: int) -> np.ndarray: ...


def fastest(size: int) -> Kernels:
    """The kernels for a matrix of `size` numbers.

    Importing numba takes about a second, compiling once per machine some more; a small cohort is done before that. The bits of
    a result do not depend on this choice (inner products: up to rounding).
    """
    return (_compiled() if size >= _WORTH_COMPILING else None) or cast(Kernels, plain)


def threads() -> int:
    """How many threads a kernel may use: one per core that this process may run on, or fewer where OMP_NUM_THREADS says so.

    The bits of a result do not depend on it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(asked))) if asked.isdecimal() else cores


@cache
def _compiled() -> Kernels | None:
    if find_spec("numba") is None:
        return None
    try:
        return cast(Kernels, import_module("mithridate.core.kernels.compiled"))
    except RuntimeError:  # numba finds no folder in which it may keep compiled code
        return None
