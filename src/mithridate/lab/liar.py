"""The lab's liar: a SuperNode whose operator changed what runs around the app, which the server cannot see.

The liar runs the same bundle as everybody, bit for bit; its key is registered and its connection is sound. Only its Python has a
`sitecustomize` that wraps the training function of every `ClientApp`. Signatures over bundles and keys of nodes do not help
against that: the lie is made before anything is signed. For labs only: nothing but that file calls `corrupt`.

The lie's name stands in a file. Several names, with spaces between them, are one for each round; the last holds on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.errors import UnknownName
from mithridate.core.randomness import stream
from mithridate.lab.hostile import HOSTILE
from mithridate.lab.stolen import LIE_FILE, keep

__all__ = ["LIES", "corrupt", "known", "lie"]

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


def known() -> tuple[str, ...]:
    """The names of all lies: other models first, then other replies."""
    return (*LIES, *HOSTILE)


def corrupt() -> None:
    """Wrap the training functions of all `ClientApp`s that this process defines from now on, and what they send."""
    from flwr.clientapp import ClientApp

    honest, answering = ClientApp.train, ClientApp.__call__

    def train(self: ClientApp, *arguments: Any, **options: Any) -> Callable[..., Any]:
        register = honest(self, *arguments, **options)

        def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
            register(lambda message, context: _lying(message, function(message, context), context))
            return function

        return decorator

    def answer(self: ClientApp, message: Any, context: Any) -> Any:
        return _sending(message, answering(self, message, context), context)

    ClientApp.train = train  # type: ignore[method-assign]  # bending somebody's code is what this module is for
    ClientApp.__call__ = answer  # type: ignore[method-assign]  # and what leaves it


def _lying(message: Any, reply: Any, context: Any = None) -> Any:
    """The reply with what the current lie changes before it is signed."""
    from flwr.app import Array, ArrayRecord

    name = _current(message)
    if name in HOSTILE:
        if HOSTILE[name].signed:
            HOSTILE[name].bend(reply.content, context)
        return reply
    ((key, record),) = reply.content.array_records.items()
    (broadcast,) = message.content.array_records.values()
    told = lie(name, _numbers(broadcast), _numbers(record))
    reply.content[key] = ArrayRecord({name: Array(array) for name, array in told.items()})
    return reply


def _sending(message: Any, reply: Any, context: Any) -> Any:
    """The reply with what the current lie changes after it was signed: of trainings that went well."""
    from flwr.app import RecordDict

    if message.metadata.message_type.partition(".")[0] != "train" or reply.has_error():
        return reply
    how, honest = HOSTILE.get(_current(message)), reply.content
    if how is not None and not how.signed:
        reply.content = RecordDict(dict(honest.items()))
        how.bend(reply.content, context)
    keep(honest)
    return reply


def _current(message: Any) -> str:
    """The lie of this training's round."""
    names = Path(os.environ[LIE_FILE]).read_text(encoding="utf-8").split()
    if len(names) == 1:
        return names[0]
    (config,) = (record for record in message.content.config_records.values() if "server-round" in record)
    return names[min(int(config["server-round"]), len(names)) - 1]


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


def _minus_inf(_: Arrays, trained: Arrays) -> Arrays:
    """Minus infinity, everywhere."""
    return {name: np.full_like(array, -np.inf) for name, array in trained.items()}


def _shape(_: Arrays, trained: Arrays) -> Arrays:
    """One number where a whole array belongs."""
    return {name: np.full(1, 100, array.dtype) for name, array in trained.items()}


LIES: dict[str, Callable[[Arrays, Arrays], Arrays]] = {
    "none": lambda sent, trained: trained,
    "reverse": _reverse,
    "noise": _noise,
    "nan": _nan,
    "minus-inf": _minus_inf,
    "shape": _shape,
}
