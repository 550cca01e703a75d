"""What an examination of a deployment found: one weakness, how bad it is, where it shows, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Finding", "Severity", "over", "worst_first"]

Severity = Literal["note", "low", "medium", "high", "critical"]
_ORDER: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """One weakness.

    Args:
        name: Kebab-case, for programs; the same weakness has the same name for ever.
        severity: "critical": strangers run code or read models; "high": a safeguard is off; "medium": a safeguard is weak, or
            about to be; "low": worth mending; "note": worth knowing.
        subject: What was looked at, for people.
        evidence: What was seen there.
        cure: What to do.
    """

    name: str
    severity: Severity
    subject: str
    evidence: str
    cure: str


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By severity, then by name; each only once.

    >>> low, high = (Finding("b", each, "x", "", "") for each in ("low", "high"))
    >>> [finding.severity for finding in worst_first([low, high, low])]
    ['high', 'low']
    """
    return tuple(sorted(set(findings), key=lambda each: (-_ORDER.index(each.severity), each.name, each.subject)))


def over(findings: Iterable[Finding], gate: Severity) -> tuple[Finding, ...]:
    """Those at least as bad as the gate."""
    return tuple(each for each in findings if _ORDER.index(each.severity) >= _ORDER.index(gate))
