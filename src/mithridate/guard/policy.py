"""A whole policy: the guard, and what a real federation says beside it about rounds, metrics, identity, clients and records.

One file serves server, clients, simulator and replay; each reads what is its own, and all of it is checked by everybody.

    [guard]      rule, stages
    [admission]  how far a claim may go (guard.admission.Limits)
    [round]      quorum, what becomes of a refused round, time-outs
    [metrics]    which metrics of clients are believed
    [identity]   who may take part, and how that is proven
    [client]     what a client does before it sends
    [record]     where the evidence goes
    [monitor]    where the numbers are served
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.core.protocols import Rule, fits
from mithridate.guard.catalog import RULES, SANITISERS
from mithridate.guard.claims import Limits
from mithridate.guard.guard import Guard
from mithridate.guard.spec import TABLES, from_table
from mithridate.guard.tables import build, fill, located
from mithridate.rules import MultiKrum, TrimmedMean
from mithridate.stages import NearestNeighbourMixing

__all__ = ["Clients", "Identity", "Metrics", "Monitor", "Policy", "Record", "Rounds", "default_guard", "read_policy"]

_SHARE_OF_LIARS = 5


@dataclass(frozen=True)
class Rounds:
    """How a round is held.

    Args:
        quorum: Admitted replies below which a round is refused; >= 1.
        on_refusal: What becomes of a refused round: "keep" the old model and go on, "stop" the run, or
            "fall-back" to another rule.
        fall_back: That rule.
        timeout_s: Seconds that a round waits for its replies, unless the app waits less; > 0.
        wait_s: Seconds that an app may wait for nodes to come online before the run is stopped; > 0.
        replies: How many replies the strategy is handed, all with the guard's model: "one", "each" (one per client asked,
            for strategies that count replies, such as Bulyan), or "auto": one, until the strategy does not take it.
        most_bytes_ratio: A reply whose arrays take more than this multiple of the model's bytes is refused unread; >= 1.
        seed: Of the defence's randomness.
    """

    quorum: int = 1
    on_refusal: Literal["keep", "stop", "fall-back"] = "keep"
    fall_back: Rule | None = None
    timeout_s: float = 3600.0
    wait_s: float = 3600.0
    replies: Literal["auto", "one", "each"] = "auto"
    most_bytes_ratio: float = 2.5
    seed: int = 0

    def __post_init__(self) -> None:
        fits(self.quorum, 1, 2**31, "quorum", whole=True)
        fits(self.timeout_s, 0, 1e9, "timeout_s", open_low=True)
        fits(self.wait_s, 0, 1e9, "wait_s", open_low=True)
        fits(self.most_bytes_ratio, 1, 1e6, "most_bytes_ratio")
        if (self.on_refusal == "fall-back") != (self.fall_back is not None):
            raise ConfigurationError('on-refusal = "fall-back" and fall-back = { name = ... } belong together')


@dataclass(frozen=True)
class Metrics:
    """Which metrics of clients reach the strategy.

    Args:
        allow: The only names that do; empty for every name that more than half of the admitted clients send.
        examples_key: The metric that holds the number of examples.
        aggregate: How many become one: the weighted "median", which a minority of liars cannot move far, or their "mean".
    """

    allow: tuple[str, ...] = ()
    examples_key: str = "num-examples"
    aggregate: Literal["median", "mean"] = "median"


@dataclass(frozen=True)
class Identity:
    """Who may take part.

    Args:
        enrolment: The enrolment list, beside the policy file or absolute.
        require: "signature" of every update by an enrolled key, "node-key" (the SuperNode's key alone), or "none".
        server_key: The file of the key that signs the server's invitations.
    """

    enrolment: str | None = None
    require: Literal["signature", "node-key", "none"] = "none"
    server_key: str | None = None

    def __post_init__(self) -> None:
        if self.require == "signature" and self.enrolment is None:
            raise ConfigurationError('require = "signature" needs an enrolment list: enrolment = "enrolment.toml"')


@dataclass(frozen=True)
class Clients:
    """What a client does with `guard_client`.

    Args:
        key: File of its signing key; made when it is first needed.
        state: Folder that outlives restarts: budget, keys, what it has seen of the server.
        server: Fingerprint of the server's key; without it models are not checked for a signature.
        sanitise: What is done to the local data before training.
        clip: L2 bound of the update; > 0.
        noise_multiplier: Standard deviation of the noise on each coordinate, as a multiple of `clip`; > 0.
        delta: Of the privacy budget; (0, 1).
        epsilon: The budget; > 0. When it is spent, the client sends nothing more.
        data_set: What the budget belongs to.
        refuse_imprint: Turn away models that carry a layer made to copy single samples into the update.
    """

    key: str | None = None
    state: str | None = None
    server: str | None = None
    sanitise: tuple[Any, ...] = ()
    clip: float | None = None
    noise_multiplier: float | None = None
    delta: float = 1e-5
    epsilon: float | None = None
    data_set: str = "data"
    refuse_imprint: bool = True

    def __post_init__(self) -> None:
        for value, name in (
            (self.clip, "clip"),
            (self.noise_multiplier, "noise_multiplier"),
            (self.epsilon, "epsilon"),
        ):
            if value is not None:
                fits(value, 0, 1e9, name, open_low=True)
        if not 0 < self.delta < 1:
            raise ConfigurationError(f"delta must be in (0, 1), not {self.delta!r}")
        if (self.noise_multiplier is None) != (self.epsilon is None):
            raise ConfigurationError(
                "noise-multiplier and epsilon belong together: noise without a budget proves nothing"
            )
        if self.noise_multiplier is not None and self.clip is None:
            raise ConfigurationError("noise-multiplier needs a clip: noise hides only what is bounded")
        if self.epsilon is not None and self.state is None:
            raise ConfigurationError("epsilon needs a state folder: a budget that a restart resets is none")


@dataclass(frozen=True)
class Record:
    """Where the evidence goes.

    Args:
        folder: Run folders are made in it, one per run; None keeps nothing.
        rounds: Also keep every round's updates, for replay: as many bytes as the clients send.
    """

    folder: str | None = None
    rounds: bool = False


@dataclass(frozen=True)
class Monitor:
    """Where the numbers are served, for Prometheus.

    Args:
        port: None serves nothing.
        host: An address of this machine.
        exposed: Whether it is meant that other machines can read the numbers, at an address beyond the loopback.
    """

    port: int | None = None
    host: str = "127.0.0.1"
    exposed: bool = False

    def __post_init__(self) -> None:
        if self.port is not None:
            fits(self.port, 1, 65_535, "port", whole=True)


@dataclass(frozen=True)
class Policy:
    """A policy file as a value.

    Args:
        guard: None lets the number of clients choose: see `default_guard`.
    """

    guard: Guard | None = None
    admission: Limits = field(default_factory=lambda: Limits(key_order="any"))
    round: Rounds = Rounds()
    metrics: Metrics = Metrics()
    identity: Identity = Identity()
    client: Clients = Clients()
    record: Record = Record()
    monitor: Monitor = Monitor()

    @property
    def digest(self) -> str:
        """SHA-256 of what decides: folders and ports do not."""
        return digest((self.guard, self.admission, self.round, self.metrics))

    def guarding(self, n: int) -> Guard:
        """The guard for a federation that asks n clients per round."""
        return default_guard(n) if self.guard is None else self.guard


def default_guard(n: int) -> Guard:
    """The guard of a federation that has not chosen one: bears one liar in five, and at least one.

    Nearest-neighbour mixing before Multi-Krum, or, where there are too few clients for it (n < 2f + 3), before the
    trimmed mean. Two clients cannot outvote a liar among them: every round of theirs is refused.

    >>> default_guard(10).rule, default_guard(4).rule
    (MultiKrum(f=2, m=None), TrimmedMean(f=1))
    """
    f = max(1, n // _SHARE_OF_LIARS)
    rule = MultiKrum(f=f) if n >= 2 * f + 3 else TrimmedMean(f=f)
    return Guard(rule, (NearestNeighbourMixing(f=f),))


_SECTIONS: dict[str, type] = {"metrics": Metrics, "identity": Identity, "record": Record, "monitor": Monitor}


def read_policy(text: str, where: str = "policy.toml") -> Policy:
    """The policy that a file describes.

    Raises:
        ConfigurationError: as `guard.spec.parse`, for every table.

    >>> read_policy('[round]\\nquorum = 3').round.quorum
    3
    >>> read_policy('[rounds]\\nquorum = 3')
    Traceback (most recent call last):
        ...
    mithridate.core.errors.ConfigurationError: policy.toml:1: unknown table 'rounds'; did you mean 'round'?
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: not valid TOML: {error}") from error
    try:
        return _policy(document)
    except ConfigurationError as error:
        raise ConfigurationError(located(str(error), text, where)) from error


def _policy(document: Mapping[str, Any]) -> Policy:
    for key in document:
        if key not in TABLES:
            raise ConfigurationError(f"unknown table {key!r}{suggestion(key, TABLES)}")
    found: dict[str, Any] = {
        key: fill(cls, document[key], f"[{key}] ") for key, cls in _SECTIONS.items() if key in document
    }
    if "guard" in document:
        found["guard"] = from_table(document["guard"], "[guard] ")
    if "admission" in document:
        found["admission"] = fill(Limits, {"key-order": "any"} | _table(document, "admission"), "[admission] ")
    for key, cls, apart, made in _APART:
        if key in document:
            table = _table(document, key)
            built = {apart: made(table.pop(apart))} if apart in table else {}
            found[key] = fill(cls, table, f"[{key}] ", built=built)
    return Policy(**found)


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(document[key], Mapping):
        raise ConfigurationError(f"[{key}] must be a table")
    return dict(document[key])


def _rule(value: Any) -> Any:
    return build("rule", RULES, value, "[round] fall-back: ")


def _sanitisers(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigurationError(f'[client] sanitise must be a list, such as ["deep-knn"], not {value!r}')
    return tuple(build("sanitiser", SANITISERS, each, "[client] sanitise: ") for each in value)


_APART = (("round", Rounds, "fall-back", _rule), ("client", Clients, "sanitise", _sanitisers))
"""Tables with one field that is made from the catalogue."""
