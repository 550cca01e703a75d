"""Refusals carry a word of the vocabulary."""

from __future__ import annotations

from mithridate.core.errors import MithridateError
from mithridate.identity.refusal import NotAuthentic


def test_the_word_comes_first():
    error = NotAuthentic("wrong-run", "run is a, expected b")
    assert isinstance(error, MithridateError)
    assert (error.reason, error.detail, str(error)) == (
        "wrong-run",
        "run is a, expected b",
        "wrong-run: run is a, expected b",
    )
