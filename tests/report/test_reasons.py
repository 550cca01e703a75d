"""Every reason code that mithridate itself can give has a meaning in words."""

from __future__ import annotations

from typing import get_args

import pytest

from mithridate.guard.claims import Reason
from mithridate.report.reasons import MEANINGS, meaning


@pytest.mark.parametrize("code", get_args(Reason))
def test_a_reason_of_admission_has_a_meaning(code):
    assert meaning(code)


def test_a_meaning_is_half_a_sentence():
    for text in MEANINGS.values():
        assert text[0].islower()
        assert not text.endswith(".")


def test_a_code_of_a_plug_in_has_none():
    assert meaning("from-elsewhere") is None
