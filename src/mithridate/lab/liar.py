"""The lab's liar: a SuperNode whose operator changed what runs around the app, which the server cannot see.

The liar runs the same bundle as everybody, bit for bit; its key is registered and its connection is sound. Only its Python has a
`sitecustomize` that wraps the training function of every `ClientApp`. Signatures over bundles and keys of nodes do not help
against that: the lie is made before anything is signed. For labs only: nothing but that file calls `corrupt`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.errors import UnknownName
from mithridate.core.randomness import stream

__all__ = ["LIES", "LIE_FILE", "corrupt", "lie"]

LIE_FILE = "MITHRIDATE_LAB_LIE"
"""The variable that names the file with the lie's name; read at each training, so that a lab may change it."""

Arrays = dict[str, np.ndarray]


def lie(name: str, sent: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray]) -> Arrays:
    """What the liar answers instead of what it trained.

    Args:
        name: One of `LIES`.
        sent: The model that came.
        trained: What honest training made of it.

    >>> sent, trained = {"w": np.array([1.0])}, {"w": np.array([1.5])}
    >>> lie("reverse", sent, trained)["w"], lie("none", sent, trained)["w"]
    (array([-4.]), array([1.5]))
    """
    if name not in LIES:
        raise UnknownName("lie", name, LIES)
    return LIES[name](dict(sent), dict(trained))


def corrupt() -> None:
    """Wrap the training functions of all `ClientApp`s that this process defines from now on."""
    from flwr.clientapp import ClientApp

    honest = ClientApp.train

    def train(self: ClientApp, *arguments: Any, **options: Any) -> Callable[..., Any]:
        register = honest(self, *arguments, **options)

        def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
            register(lambda message, context: _lying(message, function(message, context)))
            return function

        return decorator

    ClientApp.train = train  # type: ignore[method-assign]  # bending somebody's code is what this module is for


def _lying(message: Any, reply: Any) -> Any:
    """The reply with the arrays of the current lie."""
    from flwr.app import Array, ArrayRecord

    name = Path(os.environ[LIE_FILE]).read_text(encoding="utf-8").strip()
    ((key, record),) = reply.content.array_records.items()
    (broadcast,) = message.content.array_records.values()
    told = lie(name, _numbers(broadcast), _numbers(record))
    reply.content[key] = ArrayRecord({name: Array(array) for name, array in told.items()})
    return reply


def _numbers(record: Mapping[str, Any]) -> Arrays:
    return {name: array.numpy() for name, array in record.items()}


def _reverse(sent: Arrays, trained: Arrays) -> Arrays:
    """Ten times the honest step, backwards."""
    return {name: (sent[name] - 10 * (trained[name] - sent[name])).astype(trained[name].dtype) for name in trained}


def _noise(sent: Arrays, trained: Arrays) -> Arrays:
    """Standard normal numbers around the model."""
    rng = stream(0, 0, "lab noise")
    return {name: (sent[name] + rng.standard_normal(sent[name].shape)).astype(sent[name].dtype) for name in trained}


def _nan(_: Arrays, trained: Arrays) -> Arrays:
    """Not a number, everywhere."""
    return {name: np.full_like(array, np.nan) for name, array in trained.items()}


def _shape(_: Arrays, trained: Arrays) -> Arrays:
    """One number where a whole array belongs."""
    return {name: np.full(1, 100, array.dtype) for name, array in trained.items()}


LIES: dict[str, Callable[[Arrays, Arrays], Arrays]] = {
    "none": lambda sent, trained: trained,
    "reverse": _reverse,
    "noise": _noise,
    "nan": _nan,
    "shape": _shape,
}
