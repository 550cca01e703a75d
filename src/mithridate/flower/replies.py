"""One reply of a node, taken apart: what is a claim, what is a model, and why it is turned away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict

from mithridate.flower.arrays import Unreadable, arrays_of, record_bytes
from mithridate.flower.metrics import Claims, claims_of
from mithridate.guard.claims import Refused
from mithridate.guard.policy import Policy

__all__ = ["OURS", "Opened", "model_of", "opened"]

OURS = "mithridate"
"""The record in which server and clients speak to each other."""


@dataclass(frozen=True, eq=False)
class Opened:
    """What one reply holds.

    Args:
        arrays: The model, as views of the bytes that arrived.
        claims: Its metrics.
        examples: The claimed number of examples; None if it claims none.
        signed: What it says about itself in the record named "mithridate"; None without one.
        names: What it calls its model and its metrics.
    """

    arrays: dict[str, np.ndarray]
    claims: Claims
    examples: Any
    signed: Mapping[str, Any] | None
    names: tuple[str, str]


def opened(reply: Message, policy: Policy, sent_bytes: int | None) -> Opened:
    """Take a reply apart.

    Args:
        reply: As it came.
        policy: Which metric holds the examples.
        sent_bytes: How many bytes the model's arrays took when sent; None for replies that bring no model (evaluation).

    Raises:
        Refused: it says it failed, has other records than asked, too many bytes, or bytes that are no arrays.
    """
    if reply.has_error():
        raise Refused("failed", f"code {reply.error.code}: {_short(reply.error.reason)}")
    if not reply.has_content() or not isinstance(reply.content, RecordDict):
        raise Refused("records", "the reply is empty")
    content = reply.content
    arrays: dict[str, np.ndarray] = {}
    models, metrics = content.array_records, content.metric_records
    if sent_bytes is not None:
        arrays = _model(models, policy, sent_bytes)
    key = policy.metrics.examples_key
    claimed = [record[key] for record in metrics.values() if key in record]
    if len(claimed) > 1:
        raise Refused("records", f"{len(claimed)} claims of {key!r}")
    signed = content.config_records.get(OURS)
    names = next(iter(models), "arrays"), next(iter(metrics), "metrics")
    return Opened(arrays, claims_of(metrics), claimed[0] if claimed else None, signed, names)


def _model(records: Mapping[str, Any], policy: Policy, sent_bytes: int) -> dict[str, np.ndarray]:
    if len(records) != 1:
        raise Refused("records", f"{len(records)} array records, one was asked for")
    brought = record_bytes(records)
    most = int(sent_bytes * policy.round.most_bytes_ratio) + 4096
    if brought > most:
        raise Refused("too-many-bytes", f"{brought} bytes of arrays, at most {most} for this model")
    try:
        return arrays_of(next(iter(records.values())))
    except Unreadable as error:
        raise Refused("malformed", str(error)) from None


def model_of(content: RecordDict) -> tuple[str, ArrayRecord] | None:
    """The model in an instruction: its record's name and the record; None if it carries none, or several."""
    found = list(content.array_records.items())
    return found[0] if len(found) == 1 else None


def _short(text: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(text))[:200]
