"""The privacy budget of one data set, on the client's disk: spent before a release, and refused once it is used up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mithridate.core.errors import BudgetExceeded, ConfigurationError, PrivacyError
from mithridate.core.protocols import fits
from mithridate.privacy.accountant import Method, epsilon, repetitions_left
from mithridate.privacy.events import Gaussian
from mithridate.privacy.ledger import Header, Ledger, Receipt, opened, read, started, written

__all__ = ["Balance", "Budget"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Balance:
    """Where a budget stands.

    Epsilon does not add up: what one more release costs depends on all before it. `rounds_left` says what is left.
    """

    data_set: str
    limit: float
    delta: float
    spent: float
    """Epsilon at delta of all releases in the ledger."""
    releases: int
    rounds_left: int | None
    """How many more releases like the one asked about; None where none was named."""
    receipt: Receipt | None
    """To be kept elsewhere (a signed reply, a log): shown at the next opening, it proves that the ledger was not cut. None while
    there is no ledger."""

    @property
    def remaining(self) -> float:
        """Limit less spent; not what releases still to come may cost one by one."""
        return max(0.0, self.limit - self.spent)

    def __str__(self) -> str:
        left = "" if self.rounds_left is None else f"; {self.rounds_left} more like the last fit"
        return (
            f"{self.data_set}: epsilon {self.spent:.4g} of {self.limit:.4g} spent at delta {self.delta:.3g} "
            f"in {self.releases} releases{left}"
        )


@dataclass(frozen=True)
class Budget:
    """Epsilon at delta that all releases about one data set may cost together, ever: over runs, restarts and processes.

    `spend` adds the event to the ledger and brings it to the disk before it returns; only then may the release be made. A crash
    in between costs a release that nobody saw, never the other way round. The ledger is bound to the name of the data set, so a
    new run, server or model does not begin anew; two names for the same people's data are two budgets that in truth add up,
    and no code can see that. The limits of the first opening hold: a stricter one may be asked for later, a laxer one is refused.

    Args:
        folder: Where the client keeps its state.
        data_set: Kebab-case name of what is protected; up to 64 of a-z, 0-9, dot, dash, underscore.
        epsilon: (0, inf).
        delta: (0, 1); below one over the number of people in the data set.
        method: How it is accounted, "pld" or "rdp".
        seen: A receipt of an earlier balance; a ledger that does not go on from it is refused.
    Raises:
        BudgetExceeded: (`spend`) the release does not fit. Nothing was written.
        PrivacyError: the ledger is damaged, cut, unreadable by the rules of its module, or cannot be written.
        ConfigurationError: another delta, or a laxer limit, than the ledger was begun with.
    Cost: reads the whole ledger each time (200 bytes a release), then one accounting (50 ms), ten or so for `rounds_left`.
    Differs: Flower keeps no budget at all; a restart of its accountants begins at zero.
    Weak against: whoever may write the client's files: a rewritten or deleted ledger shows only against a receipt kept elsewhere.
        A disk that says it has written when it has not. A copy of the data on another machine.
    """

    folder: Path
    data_set: str
    epsilon: float
    delta: float
    method: Method = "pld"
    seen: Receipt | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.data_set):
            raise ConfigurationError(
                f"data_set must be up to 64 of a-z, 0-9, '.', '-', '_', not {self.data_set[:80]!r}"
            )
        fits(self.epsilon, 0, 1e4, "epsilon", open_low=True)
        fits(self.delta, 0, 0.5, "delta", open_low=True)
        # The floats that the ledger is written with.
        object.__setattr__(self, "epsilon", float(self.epsilon))
        object.__setattr__(self, "delta", float(self.delta))

    @property
    def path(self) -> Path:
        return Path(self.folder) / f"{self.data_set}.privacy.jsonl"

    def spend(self, event: Gaussian, purpose: str = "") -> Balance:
        """Write a release down, if it fits; it may be made as soon as this returns, once.

        `purpose` (run and round, 200 characters) is for people who read the ledger.
        """
        if not isinstance(event, Gaussian):
            # A server knows who replied: no sampling makes a local release cheaper.
            raise PrivacyError(f"a client's release is a Gaussian event, not a {type(event).__name__}")
        with self._ledger() as (descriptor, ledger):
            total = epsilon([*(ledger.events if ledger else ()), event], self.delta, self.method)
            if total > self.epsilon:
                spent = epsilon(ledger.events if ledger else (), self.delta, self.method)
                raise BudgetExceeded(
                    f"{self.data_set}: a release would bring epsilon from {spent:.4g} to {total:.4g} at delta "
                    f"{self.delta:.3g}, the budget is {self.epsilon:.4g}: nothing is released"
                )
            if ledger is None:
                ledger = started(descriptor, self.path, Header(self.data_set, self.epsilon, self.delta))
            ledger = written(descriptor, self.path, ledger, event, purpose)
        return self._balance(ledger, total, event)

    def balance(self, event: Gaussian | None = None) -> Balance:
        """Where the budget stands, and how many more releases like `event` fit."""
        with self._ledger() as (_, ledger):
            pass
        return self._balance(ledger, epsilon(ledger.events if ledger else (), self.delta, self.method), event)

    @contextmanager
    def _ledger(self) -> Iterator[tuple[int, Ledger | None]]:
        epsilon([Gaussian(1e6)], self.delta, self.method)  # imports what it needs before anybody waits for the lock
        with opened(self.path) as descriptor:
            ledger = read(descriptor, self.path)
            if ledger is not None:
                self._checked(ledger.header)
            if self.seen is not None and (ledger is None or not ledger.holds(self.seen)):
                raise PrivacyError(
                    f"{self.path}: the privacy ledger does not go on from release {self.seen.releases}: "
                    "it was cut, replaced or deleted"
                )
            yield descriptor, ledger

    def _checked(self, header: Header) -> None:
        if header.data_set != self.data_set:
            raise PrivacyError(f"{self.path}: the privacy ledger is that of {header.data_set!r}")
        if header.delta != self.delta:
            raise ConfigurationError(f"{self.path}: begun with delta {header.delta:g}, which cannot be changed")
        if header.epsilon < self.epsilon:
            raise ConfigurationError(
                f"{self.path}: begun with a budget of epsilon {header.epsilon:g}; {self.epsilon:g} is more"
            )

    def _balance(self, ledger: Ledger | None, spent: float, event: Gaussian | None) -> Balance:
        events = ledger.events if ledger else ()
        left = None if event is None else repetitions_left(events, event, self.epsilon, self.delta, self.method)
        receipt = ledger.receipt if ledger else None
        return Balance(self.data_set, self.epsilon, self.delta, spent, len(events), left, receipt)
