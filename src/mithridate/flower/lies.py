"""Clients that lie, for a federation in this process: the honest client works, and something else is sent.

These lies need no knowledge of others. What a cunning liar does is measured in the simulator, where attacks see what they are
said to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from flwr.app import Array, Context, Message

from mithridate.attacks.blunt import Gaussian, Scaling, SignFlip, Zero
from mithridate.attacks.faults import Faults
from mithridate.attacks.view import UpdateAttack, View
from mithridate.core.errors import UnknownName
from mithridate.core.layout import Layout
from mithridate.core.randomness import stream
from mithridate.flower.arrays import array_of, arrays_of
from mithridate.flower.local import Client
from mithridate.flower.private import NUMPY
from mithridate.flower.replies import model_of

__all__ = ["GARBAGE", "LIES", "lying"]

LIES: Mapping[str, UpdateAttack] = {
    "nan": Faults(kind="nan"),
    "noise": Gaussian(std=1.0),
    "scaled": Scaling(factor=100.0),
    "sign-flip": SignFlip(scale=10.0),
    "zero": Zero(),
}
"""What can be told by name, beside `GARBAGE`: attacks of the catalogue on the client's own update."""

GARBAGE = "garbage"
"""Bytes that are no arrays."""


def lying(client: Client, how: str, seed: int = 0) -> Client:
    """A client that trains, and sends a lie in place of what it learnt. Its evaluations stay honest.

    Args:
        client: The honest one.
        how: A name of `LIES`, or "garbage".
        seed: Of the lie's randomness.

    Raises:
        UnknownName: there is no such lie.
    """
    if how != GARBAGE and how not in LIES:
        raise UnknownName("lie", how, (*LIES, GARBAGE))
    lie = _garbled if how == GARBAGE else _told(LIES[how], seed)

    def liar(message: Message, context: Context) -> Message | None:
        asked = message.metadata.message_type.partition(".")[0] == "train"
        found = model_of(message.content) if asked else None
        sent = {} if found is None else arrays_of(found[1])
        reply = client(message, context)
        if sent and reply is not None and reply.has_content():
            for record in reply.content.array_records.values():
                record.update(lie(sent, arrays_of(record)))
        return reply

    return liar


Lie = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray]], dict[str, Array]]


def _told(attack: UpdateAttack, seed: int) -> Lie:
    """An attack of the catalogue, on one liar's own update."""
    memory, told = attack.init(), 0

    def lie(sent: Mapping[str, np.ndarray], learnt: Mapping[str, np.ndarray]) -> dict[str, Array]:
        nonlocal memory, told
        layout = Layout.of(sent)
        model = layout.flatten(sent)
        own = (layout.flatten(learnt) - model)[None]
        view = View(model, own, memory=memory, round=told, rng=stream(seed, told, "lie"))
        rows, memory = attack.craft(view)
        told += 1
        rest = {entry.name: learnt[entry.name] for entry in layout.entries if not entry.floating}
        return {name: array_of(values) for name, values in layout.unflatten(model + rows[0], rest).items()}

    return lie


def _garbled(sent: Mapping[str, np.ndarray], _: Mapping[str, np.ndarray]) -> dict[str, Array]:
    return {
        name: Array(str(values.dtype), tuple(values.shape), NUMPY, b"not an array") for name, values in sent.items()
    }
