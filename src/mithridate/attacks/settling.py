"""Where a trigger hides best, and which samples carry it best: what liars find out from their own data."""

from __future__ import annotations

import hashlib

import numpy as np

from mithridate.attacks.access import ModelAccess
from mithridate.attacks.bars import Bars

__all__ = ["agreement", "fingerprints", "nearest_place", "telling"]


def nearest_place(bars: Bars, x: np.ndarray, targets: np.ndarray) -> tuple[int, int]:
    """Where stamped images x lie nearest to images of the target class.

    place = argmin over all places of mean_i min_j ‖stamp(x_i) - t_j‖, the uppermost and leftmost of equals.

    Cost: O(places n k bar pixels) for n images and k targets.

    >>> bright = np.zeros((1, 1, 2, 3), np.float32)
    >>> bright[0, 0, 1, 2] = 1
    >>> nearest_place(Bars(1, 1, 0, 1.0), np.zeros((1, 1, 2, 3), np.float32), bright)
    (1, 2)
    """
    images, wanted = x.astype(np.float64), targets.astype(np.float64)
    apart = _squares(images.reshape(len(x), -1), wanted.reshape(len(targets), -1))
    rows, columns = Bars(bars.side, bars.size, bars.gap, bars.value).pixels()
    down, across = bars.room(*x.shape[2:])
    best, found = np.inf, (0, 0)
    for row in range(down):
        for column in range(across):
            own = images[:, :, rows + row, columns + column].reshape(len(x), -1)
            other = wanted[:, :, rows + row, columns + column].reshape(len(targets), -1)
            squares = apart - _squares(own, other) + ((bars.value - other) ** 2).sum(axis=1)
            distance = float(np.sqrt(np.maximum(squares, 0)).min(axis=1).mean())
            if distance < best * (1 - 1e-9):  # rounding makes no place better
                best, found = distance, (row, column)
    return found


def agreement(access: ModelAccess, model: np.ndarray, x: np.ndarray, target: int) -> np.ndarray:
    """(n,) g_i · mean_j (g_j / ‖g_j‖). Twice over the gradients, so that they are never held together."""

    def gradient(i: int) -> np.ndarray:
        return access.gradient(model, x[i : i + 1], np.array([target])).astype(np.float64)

    mean = np.zeros(model.size)
    for i in range(len(x)):
        slope = gradient(i)
        length = float(np.linalg.norm(slope))
        if length:
            mean += slope / (length * len(x))
    return np.array([gradient(i) @ mean for i in range(len(x))])


def telling(
    access: ModelAccess,
    model: np.ndarray,
    x: np.ndarray,
    target: int,
    count: int,
    rng: np.random.Generator,
    *,
    rounds: int,
    surplus: float,
) -> np.ndarray:
    """The rising numbers of `count` of the stamped images x whose gradients towards the target agree most.

    In every round R = surplus * count candidates, those kept so far and others drawn by rng, are ranked by the projection
    g_i · mean_j (g_j / ‖g_j‖) of their gradients, and the first `count` kept.

    Cost: 2 R gradients of one sample per round, O(d) memory.
    """
    pool = min(len(x), round(surplus * count))
    kept = np.zeros(0, np.int64)
    for _ in range(rounds):
        fresh = rng.permutation(np.setdiff1d(np.arange(len(x)), kept))[: max(pool - kept.size, 0)]
        some = np.sort(np.concatenate([kept, fresh]))
        order = np.argsort(-agreement(access, model, x[some], target), kind="stable")
        kept = np.sort(some[order[:count]])
    return kept


def fingerprints(x: np.ndarray) -> np.ndarray:
    """(n,) int64, a name for each image by its pixels.

    >>> images = np.array([0.0, 1.0, 0.0], np.float32).reshape(3, 1, 1, 1)
    >>> first, second, third = fingerprints(images)
    >>> bool(first == third), bool(first == second)
    (True, False)
    """
    names = (hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=8).digest() for image in x)
    return np.array([int.from_bytes(name, "little", signed=True) for name in names], np.int64)


def _squares(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, k), squared distances."""
    return np.asarray((own**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * own @ other.T)
