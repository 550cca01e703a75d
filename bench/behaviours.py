"""What hostile or broken clients send instead of an honest reply, and what the guard must say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

from mithridate.flower.local import LocalNode
from mithridate.flower.private import NUMPY, message_like

__all__ = ["BEHAVIOURS", "EXAMPLES", "HARMLESS", "Behaviour", "Scene"]

EXAMPLES = 10
"""What every honest client says that it has trained on."""

HARMLESS = "harmless"
"""Expected of behaviours that do no harm: the client is not turned away at the door."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One hostile client's turn.

    Args:
        message: The instruction.
        answer: What an honest client would reply.
        round: Of training; from 1.
        honest: How many clients are honest.
        liars: How many are not.
        node: Where it works.
        kept: What it remembers from round to round.
    """

    message: Message
    answer: Message
    round: int
    honest: int
    liars: int
    node: LocalNode
    kept: dict[str, Any]

    @property
    def model(self) -> dict[str, np.ndarray]:
        """The honest model."""
        return {name: array.numpy() for name, array in self.answer.content["arrays"].items()}

    @property
    def sent(self) -> dict[str, np.ndarray]:
        """The broadcast."""
        return {name: array.numpy() for name, array in self.message.content["arrays"].items()}

    def reply(self, model: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None) -> Message:
        """A reply with another model, or other metrics."""
        arrays = self.model if model is None else model
        told = dict(self.answer.content["metrics"]) if metrics is None else metrics
        record = ArrayRecord({k: v if isinstance(v, Array) else Array(np.asarray(v)) for k, v in arrays.items()})
        return self.holding(arrays=record, metrics=MetricRecord(dict(told)))

    def holding(self, **records: Any) -> Message:
        """A reply of these records and no other."""
        return Message(RecordDict(records), reply_to=self.message)

    def claiming(self, examples: Any) -> Message:
        """The honest reply with another number of examples; None for none."""
        told = dict(self.answer.content["metrics"])
        told.pop("num-examples")
        return self.reply(metrics=told if examples is None else told | {"num-examples": examples})


Act = Callable[[Scene], Message | tuple[Message, ...] | None]


@dataclass(frozen=True)
class Behaviour:
    """One way of being hostile or broken.

    Args:
        what: In words, for the page.
        act: What is sent: a message, several, or nothing.
        reason: What the guard must say of the client, in a round at least; or HARMLESS.
        arrives: Where its reply stands among those of a round: "first", "last", or "anywhere".
        evaluating: It lies in evaluations, too.
        counter: It needs a model that holds a counter.
    """

    what: str
    act: Act
    reason: str
    arrives: str = "anywhere"
    evaluating: bool = False
    counter: bool = False


def scaled(factor: float) -> Act:
    """The honest update times a factor."""
    return lambda s: s.reply(
        {k: (s.sent[k] + np.float32(factor) * (v - s.sent[k])).astype(v.dtype) for k, v in s.model.items()}
    )


def filled(value: float) -> Act:
    return lambda s: s.reply({k: np.full_like(v, value) if v.dtype.kind == "f" else v for k, v in s.model.items()})


def poked(value: float) -> Act:
    def act(s: Scene) -> Message:
        model = s.model
        model["w"] = model["w"].copy()
        model["w"][1, 2] = value
        return s.reply(model)

    return act


def replaced(name: str, make: Callable[[np.ndarray], Any]) -> Act:
    """One array made into something else, where it stands."""
    return lambda s: s.reply({k: make(v) if k == name else v for k, v in s.model.items()})


def typed(dtype: str) -> Act:
    return lambda s: s.reply({k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in s.model.items()})


def saying(**more: Any) -> Act:
    """The honest model with more metrics."""
    return lambda s: s.reply(metrics=dict(s.answer.content["metrics"]) | more)


def raw(data: bytes) -> Callable[[np.ndarray], Array]:
    """Bytes in the place of an array, declared as what was sent."""
    return lambda v: Array(str(v.dtype), tuple(v.shape), NUMPY, data)


def saved(values: np.ndarray, how: Callable[..., Any] = np.save, **more: Any) -> bytes:
    stream = BytesIO()
    how(stream, values, **more)
    return stream.getvalue()


def headed(header: bytes, body: bytes = b"\0" * 24) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def bomb(count: int) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}"
    return headed(text.ljust(117).encode() + b"\n")


def summing(total: float) -> Act:
    """Claims of examples that bring the round's total to a number."""
    return lambda s: s.claiming((total - s.honest * EXAMPLES) / s.liars)


def raising(_: Scene) -> Message:
    raise ValueError("out of memory")


def leaving(s: Scene) -> Message:
    s.node.online = False
    return s.answer


def early(s: Scene) -> Message:
    """What it sent in the first round, over and over, message and all."""
    return s.kept.setdefault("first", s.answer)


def stale(s: Scene) -> Message:
    first = s.kept.setdefault("first", s.answer)
    return Message(RecordDict(dict(first.content)), reply_to=s.message)


def odd_keys(s: Scene) -> Message:
    return s.reply({f"module.{k}": v for k, v in s.model.items()})


def two_models(s: Scene) -> Message:
    record = s.answer.content["arrays"]
    return s.holding(arrays=record, more=record.copy(), metrics=s.answer.content["metrics"])


def two_metrics(s: Scene) -> Message:
    record = s.answer.content["metrics"]
    return s.holding(arrays=s.answer.content["arrays"], metrics=record, more=MetricRecord(dict(record)))


def config_for_metrics(s: Scene) -> Message:
    return s.holding(arrays=s.answer.content["arrays"], metrics=ConfigRecord({"num-examples": "1000000", "x": 1}))


def config_for_arrays(s: Scene) -> Message:
    return s.holding(arrays=ConfigRecord({"w": b"\0" * 24}), metrics=s.answer.content["metrics"])


def stuffed(s: Scene) -> Message:
    return s.holding(**dict(s.answer.content), blob=ConfigRecord({"blob": b"\0" * 2**23}))


BEHAVIOURS: dict[str, Behaviour] = {
    # values
    "nan-all": Behaviour("NaN in every coordinate", filled(float("nan")), "not-finite"),
    "nan-one": Behaviour("NaN in one coordinate", poked(float("nan")), "not-finite"),
    "inf-one": Behaviour("+Inf in one coordinate", poked(float("inf")), "not-finite"),
    "minus-inf-all": Behaviour("−Inf in every coordinate", filled(float("-inf")), "not-finite"),
    "huge": Behaviour("1e30 in every coordinate", filled(1e30), "too-large"),
    "large": Behaviour("the honest update times 10,000", scaled(1e4), "not-selected"),
    "flipped": Behaviour("the honest update times −20", scaled(-20), "not-selected"),
    "zero-update": Behaviour("the model as it was sent", scaled(0), HARMLESS),
    "zeros": Behaviour("zeros in every coordinate", filled(0.0), HARMLESS),
    # names and shapes
    "wrong-keys": Behaviour("all arrays under other names", odd_keys, "missing-key"),
    "missing-key": Behaviour(
        "one array is missing", lambda s: s.reply({k: v for k, v in s.model.items() if k != "b"}), "missing-key"
    ),
    "extra-key": Behaviour("one array too many", lambda s: s.reply(s.model | {"x": np.ones(3)}), "extra-key"),
    "control-key": Behaviour(
        "an array named with control characters", lambda s: s.reply(s.model | {"\x1b[2J\n": np.ones(1)}), "extra-key"
    ),
    "permuted-keys": Behaviour(
        "the arrays in another order", lambda s: s.reply(dict(reversed(s.model.items()))), HARMLESS
    ),
    "no-arrays": Behaviour("an array record without arrays", lambda s: s.reply({}), "missing-key"),
    "wrong-shape": Behaviour("another shape", replaced("w", lambda v: v.reshape(3, 2)), "shape"),
    "wrong-shape-first": Behaviour(
        "another shape, arriving first", replaced("w", lambda v: v.reshape(3, 2)), "shape", arrives="first"
    ),
    "wrong-shape-last": Behaviour(
        "shape (1,) that broadcasts, arriving last",
        replaced("b", lambda v: np.full(1, 100, v.dtype)),
        "shape",
        arrives="last",
    ),
    "wrong-keys-first": Behaviour("other names, arriving first", odd_keys, "missing-key", arrives="first"),
    "scalar": Behaviour("an array of no dimension", replaced("b", lambda v: np.array(1, v.dtype)), "shape"),
    "empty": Behaviour("an array without values", replaced("b", lambda v: np.empty(0, v.dtype)), "empty"),
    # bytes
    "garbage": Behaviour("bytes that are no array", replaced("w", raw(b"\xde\xad" * 99)), "malformed"),
    "npz": Behaviour("an npz archive", replaced("w", raw(saved(np.ones(6, "f4"), np.savez))), "malformed"),
    "pickled": Behaviour(
        "a pickled object array",
        replaced("w", raw(saved(np.array([{}], object), allow_pickle=True))),
        "malformed",
    ),
    "header-bomb": Behaviour("a header that claims 4e11 floats", replaced("w", raw(bomb(4 * 10**11))), "malformed"),
    "long-header": Behaviour("a header of 4,500 bytes", replaced("w", raw(headed(b"{" * 4500))), "malformed"),
    "nested-header": Behaviour("a header of 4,000 brackets", replaced("w", raw(headed(b"(" * 4000))), "malformed"),
    "truncated": Behaviour(
        "bytes that end too early", replaced("w", lambda v: raw(saved(v)[:-3])(v)), "malformed"
    ),
    "bloated": Behaviour(
        "an array of 100,000 values", replaced("w", lambda v: np.ones(100_000, v.dtype)), "too-many-bytes"
    ),
    "other-stype": Behaviour(
        "another serialisation", replaced("w", lambda v: Array("float32", v.shape, "pickle", b"cos\n.")), "malformed"
    ),
    # types
    "fortran": Behaviour(
        "Fortran order", replaced("w", lambda v: raw(saved(np.asfortranarray(v)))(v)), HARMLESS
    ),
    "big-endian": Behaviour("big-endian numbers", typed(">f4"), HARMLESS),
    "float64": Behaviour("float64 instead of float32", typed("f8"), HARMLESS),
    "float16": Behaviour("float16 instead of float32", typed("f2"), HARMLESS),
    "complex": Behaviour("complex64 instead of float32", typed("c8"), "dtype"),
    "integers": Behaviour("int64 instead of float32", typed("i8"), "dtype"),
    "fractions": Behaviour(
        "a fraction in place of a counter", replaced("steps", lambda v: np.array(0.5)), "dtype", counter=True
    ),
    "counter": Behaviour("a counter of 2^62", replaced("steps", lambda v: np.array(2**62)), HARMLESS, counter=True),
    # number of examples
    "examples-1e12": Behaviour("num-examples 1e12", lambda s: s.claiming(10**12), "too-many-examples"),
    "examples-1e6-lie": Behaviour(
        "num-examples 1e6 and the update times −20",
        lambda s: s.reply(
            scaled(-20)(s).content["arrays"], dict(s.answer.content["metrics"]) | {"num-examples": 10**6}
        ),
        "not-selected",
    ),
    "examples-total-1": Behaviour("num-examples negative, total 1", summing(1), "bad-examples"),
    "examples-total-0": Behaviour("num-examples negative, total 0", summing(0), "bad-examples"),
    "examples-nan": Behaviour("num-examples NaN", lambda s: s.claiming(float("nan")), "bad-examples"),
    "examples-inf": Behaviour("num-examples Inf", lambda s: s.claiming(float("inf")), "too-many-examples"),
    "examples-list": Behaviour("num-examples a list", lambda s: s.claiming([10, 10]), "bad-examples"),
    "examples-text": Behaviour("num-examples a text in a config record", config_for_metrics, HARMLESS),
    "examples-missing": Behaviour("no num-examples", lambda s: s.claiming(None), HARMLESS),
    "examples-0": Behaviour("num-examples 0", lambda s: s.claiming(0), "no-examples"),
    # metrics
    "extra-metric": Behaviour("a metric too many", saying(evil=1.0), HARMLESS, evaluating=True),
    "missing-metric": Behaviour(
        "only num-examples", lambda s: s.reply(metrics={"num-examples": EXAMPLES}), HARMLESS, evaluating=True
    ),
    "nan-metric": Behaviour("a metric that is NaN", saying(train_loss=float("nan")), HARMLESS, evaluating=True),
    "huge-metric": Behaviour("a metric of 1e300", saying(train_loss=1e300), HARMLESS, evaluating=True),
    "list-metric": Behaviour("a metric that is a list", saying(train_loss=[1.0, 2.0]), HARMLESS, evaluating=True),
    "control-metric": Behaviour(
        "a metric named with control characters", saying(**{"\x1b[2J\n": 1.0}), HARMLESS, evaluating=True
    ),
    "many-metrics": Behaviour("10,000 metrics", saying(**{f"m{i}": 1.0 for i in range(10_000)}), HARMLESS),
    # records
    "no-records": Behaviour("no records at all", lambda s: s.holding(), "records", evaluating=True),
    "two-models": Behaviour("two array records", two_models, "records"),
    "two-metrics": Behaviour("two metric records, each with num-examples", two_metrics, "records"),
    "no-metrics": Behaviour(
        "no metric record", lambda s: s.holding(arrays=s.answer.content["arrays"]), HARMLESS
    ),
    "config-for-arrays": Behaviour("a config record in place of the model", config_for_arrays, "records"),
    "huge-config": Behaviour("a config record of 8 MiB beside the rest", stuffed, HARMLESS),
    # messages
    "error": Behaviour(
        "an error reply", lambda s: Message(Error(7, "\x1b[31mno"), reply_to=s.message), "failed", evaluating=True
    ),
    "raises": Behaviour("the client raises", raising, "failed", evaluating=True),
    "silent": Behaviour("no reply", lambda s: None, "failed", evaluating=True),
    "leaves": Behaviour("is gone after the first round", leaving, "failed"),
    "superlink-error": Behaviour(
        "an error in the SuperLink's name",
        lambda s: message_like(Message(Error(7, "lost"), reply_to=s.message), src_node_id=1),
        "failed",
    ),
    "other-name": Behaviour(
        "replies in another node's name", lambda s: message_like(s.answer, src_node_id=1000), "spoofed"
    ),
    "twice": Behaviour("the same reply twice", lambda s: (s.answer, s.answer), HARMLESS),
    "twice-other": Behaviour(
        "an honest reply, then another to the same instruction",
        lambda s: (s.answer, filled(1e3)(s)),
        HARMLESS,
    ),
    "old-model": Behaviour("the first round's reply as the answer to every round", stale, HARMLESS),
    "old-message": Behaviour("the first round's message again, byte for byte", early, "failed"),
}  # fmt: skip
"""By name; the table's rows."""
