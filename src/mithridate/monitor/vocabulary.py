"""The only values that a label may have: whatever else a stranger or a plug-in says is "other", so that series stay countable."""

from __future__ import annotations

import re
from typing import Any, get_args

from mithridate.guard.catalog import RULES, STAGES
from mithridate.guard.claims import Reason

__all__ = [
    "DECISIONS",
    "JUDGES",
    "NONE",
    "OTHER",
    "OUTCOMES",
    "REASONS",
    "RULE_NAMES",
    "RUN_STATES",
    "STATES",
    "known",
    "plain",
]

OTHER = "other"
NONE = "none"

DECISIONS = ("accepted", "clipped", "downweighted", "rejected", "malformed")
STATES = ("counted", "dropped", "refused", "absent", "late")
OUTCOMES = ("aggregated", "refused", "fell-back", "challenge")
RUN_STATES = ("running", "finished", "failed")

_DECIDED = frozenset({"not-selected", "round-refused", "challenge-passed"})
_SCREENED = frozenset(
    {
        "answer-points-elsewhere",
        "answer-too-long",
        "answer-too-short",
        "badly-told",
        "caught-earlier",
        "clipped",
        "costs-a-class",
        "direction-opposed",
        "direction-stands-out",
        "error-falls-without-it",
        "failed-challenge",
        "far-from-forecast",
        "far-in-principal-components",
        "far-within-its-cluster",
        "features-far-from-others",
        "in-another-cluster",
        "in-quarantine",
        "in-the-smaller-cluster",
        "keeps-a-planted-task",
        "like-others",
        "little-descent",
        "loss-falls-without-it",
        "loss-rises-with-it",
        "no-finite-features",
        "no-finite-loss",
        "norm-stands-out",
        "not-as-foreseen",
        "not-elected",
        "odd-direction",
        "odd-growth",
        "odd-largest",
        "odd-least",
        "odd-length",
        "odd-ranks",
        "odd-signs",
        "odd-variance",
        "outside-the-majority",
        "poor-reputation",
        "principal-component-stands-out",
        "too-long",
        "too-short",
        "trained-on-few-labels",
    }
)
REASONS = frozenset(get_args(Reason)) | _DECIDED | _SCREENED
"""Why an update was not simply counted: the words of admission, of the guard and of every stage that comes with the package."""

RULE_NAMES = frozenset(RULES.own)
JUDGES = RULE_NAMES | frozenset(STAGES.own) | {"admission", "guard"}
"""Who may have spoken about an update."""

_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,39}")


def known(word: Any, words: frozenset[str]) -> str:
    r"""The word if it is one of `words`, "none" where nothing was said, else "other".

    >>> known("stale", REASONS), known(None, REASONS), known("stale\n", REASONS), known(["stale"], REASONS)
    ('stale', 'none', 'other', 'other')
    """
    if word is None:
        return NONE
    return word if isinstance(word, str) and word in words else OTHER


def plain(text: Any) -> str:
    """A version as it may stand in a label; "none" where nothing was said, "other" for what is no version.

    >>> plain("1.41.0"), plain(None), plain("1" * 99)
    ('1.41.0', 'none', 'other')
    """
    if text is None:
        return NONE
    return text if isinstance(text, str) and _PLAIN.fullmatch(text) else OTHER
