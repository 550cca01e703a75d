"""Everything that mithridate raises on purpose.

MithridateError
+-- ConfigurationError      a policy, a scenario or a constructor argument is wrong   (exit code 2)
|   +-- UnknownName         a name that nothing answers to; carries a suggestion
+-- UnmetPrecondition       a rule cannot keep its promise on this cohort             (the round is refused)
|   +-- NotFinite           a row holds NaN, Inf or a value beyond every sane size
|   +-- TooFewRows          the round has fewer rows than the promise needs
+-- DataError               a data set is missing, damaged or not what it claims
+-- PrivacyError            a release cannot be made or accounted for under its privacy promise (nothing is released)
|   +-- BudgetExceeded      the release would cost more than the client's privacy budget holds
+-- StoreError              a run directory cannot be read, resumed or replayed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BudgetExceeded",
    "ConfigurationError",
    "DataError",
    "Diverged",
    "MithridateError",
    "NotFinite",
    "PrivacyError",
    "StoreError",
    "TooFewRows",
    "UnknownName",
    "UnmetPrecondition",
    "suggestion",
]


class MithridateError(Exception):
    """Root of the family: catch this to catch everything raised on purpose."""


class ConfigurationError(MithridateError):
    """Something was asked for that cannot work; the message says what, where and how to mend it."""


class UnknownName(ConfigurationError):
    """A name that nothing answers to.

    >>> str(UnknownName("rule", "krun", ["krum", "mean"]))
    "unknown rule 'krun'; did you mean 'krum'?"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        known = sorted(known)
        super().__init__(f"{where}unknown {kind} {name!r}{suggestion(name, known)}")
        self.kind, self.name, self.known = kind, name, tuple(known)


class UnmetPrecondition(MithridateError):
    """A rule was given a cohort on which its guarantee does not hold."""


class NotFinite(UnmetPrecondition):
    """A row holds NaN, Inf or a magnitude beyond `core.kernels.LARGEST`."""


class TooFewRows(UnmetPrecondition):
    """The round has fewer rows than the rule's promise needs."""


class Diverged(MithridateError):
    """A simulated federation's global model is no longer finite."""


class DataError(MithridateError):
    """A data set is missing, damaged or not what it claims to be."""


class PrivacyError(MithridateError):
    """A release cannot be made, or not be accounted for, under its privacy promise: nothing may leave."""


class BudgetExceeded(PrivacyError):
    """The release would cost more than the client's privacy budget holds."""


class StoreError(MithridateError):
    """A run directory cannot be read, resumed or replayed."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The closest known name as half a sentence, else the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""
