"""Replies that crash or ruin a federation without a guard: names, bytes, types, claims and records that no honest client sends.

A lie of `liar` is another model; these are other replies. Most are told before the reply is signed, so that the signature holds.
Bytes that nobody can read cannot be signed: they are put in place afterwards, on the way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mithridate.lab.stolen import replayed, spoofed

__all__ = ["HOSTILE", "Hostile"]

_BOMB_FLOATS = 4 * 10**11
_GARBAGE = b"\xde\xad" * 99
_REPETITIONS = 10_000
_DIVIDER = b"\x00"
"""What stands between head and body of a packed object."""


@dataclass(frozen=True)
class Hostile:
    """One way to spoil a reply.

    Args:
        bend: Changes the content of the honest reply where it stands; told the node's context, too.
        signed: It is told before the reply is signed.
    """

    bend: Callable[[Any, Any], None]
    signed: bool = True


def _model(content: Any) -> tuple[str, dict[str, Any]]:
    """The name of the array record, and its arrays."""
    ((key, record),) = content.array_records.items()
    return key, dict(record.items())


def _holding(content: Any, key: str, arrays: dict[str, Any]) -> None:
    from flwr.app import ArrayRecord

    content[key] = ArrayRecord(arrays)


def _wrong_keys(content: Any, _: Any) -> None:
    """All arrays under other names."""
    key, arrays = _model(content)
    _holding(content, key, {f"module.{name}": array for name, array in arrays.items()})


def _missing_key(content: Any, _: Any) -> None:
    """The last array is missing."""
    key, arrays = _model(content)
    _holding(content, key, dict(list(arrays.items())[:-1]))


def _bytes(data: bytes) -> Callable[[Any, Any], None]:
    """Other bytes in the place of the first array, declared as what was asked for."""

    def bend(content: Any, _: Any) -> None:
        from flwr.app import Array

        key, arrays = _model(content)
        first = next(iter(arrays))
        honest = arrays[first]
        arrays[first] = Array(honest.dtype, tuple(honest.shape), honest.stype, data)
        _holding(content, key, arrays)

    return bend


def _bomb(count: int) -> bytes:
    """A header of NumPy's that claims `count` floats, and 24 bytes.

    >>> _bomb(7)[:6], b"'shape': (7,)" in _bomb(7), len(_bomb(7))
    (b'\\x93NUMPY', True, 152)
    """
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 24


def _packed(rewritten: Callable[[bytes], bytes]) -> Callable[[Any, Any], None]:
    """The first array's packed form has a head as it should be, which is all that the SuperLink looks at, and another body."""

    def bend(content: Any, _: Any) -> None:
        from flwr.app import Array

        class Bent(Array):
            def deflate(self) -> bytes:
                head, _, body = super().deflate().partition(_DIVIDER)
                bent = rewritten(body)
                return re.sub(rb"\d+$", b"%d" % len(bent), head) + _DIVIDER + bent

        Bent.__qualname__ = Array.__qualname__
        (record,) = content.array_records.values()
        name, honest = next(iter(record.items()))
        record[name] = Bent(honest.dtype, tuple(honest.shape), honest.stype, honest.data)

    return bend


def _repeated(body: bytes) -> bytes:
    """The same one part of the array, named again and again: few bytes that become many.

    >>> len(json.loads(_repeated(b'{"arraychunk_ids": [0]}'))["arraychunk_ids"])
    10000
    """
    return json.dumps(json.loads(body) | {"arraychunk_ids": [0] * _REPETITIONS}).encode()


def _complex(content: Any, _: Any) -> None:
    """complex64 in the place of floats."""
    from flwr.app import Array

    key, arrays = _model(content)
    _holding(content, key, {name: Array(array.numpy().astype(np.complex64)) for name, array in arrays.items()})


def _two_models(content: Any, _: Any) -> None:
    """The same array record a second time."""
    _, arrays = _model(content)
    _holding(content, "more", arrays)


def _claiming(content: Any, examples: int) -> None:
    (record,) = content.metric_records.values()
    record["num-examples"] = examples


def _total_0(content: Any, context: Any) -> None:
    """A claim as far below zero as all others together are above it; what they hold is in the lab's one file of data."""
    (record,) = content.metric_records.values()
    with np.load(str(context.run_config["data"])) as data:
        everything = len(data["y"])
    _claiming(content, int(record["num-examples"]) - everything)


def _extra_metric(content: Any, _: Any) -> None:
    """A metric that nobody else reports."""
    (record,) = content.metric_records.values()
    record["evil"] = 1.0


HOSTILE: dict[str, Hostile] = {
    "wrong-keys": Hostile(_wrong_keys),
    "missing-key": Hostile(_missing_key),
    "garbage": Hostile(_bytes(_GARBAGE), signed=False),
    "header-bomb": Hostile(_bytes(_bomb(_BOMB_FLOATS)), signed=False),
    "torn": Hostile(_packed(lambda _: _GARBAGE), signed=False),
    "repeated-part": Hostile(_packed(_repeated), signed=False),
    "complex": Hostile(_complex),
    "two-models": Hostile(_two_models),
    "examples-total-0": Hostile(_total_0),
    "examples-1e12": Hostile(lambda content, _: _claiming(content, 10**12)),
    "extra-metric": Hostile(_extra_metric),
    "spoof": Hostile(spoofed, signed=False),
    "replay": Hostile(replayed, signed=False),
}
"""By name."""
