"""Verification: every lie has its reason, and nothing but the truth passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.identity.keys import SigningKey
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation, Rotation, Signed, Submission, sign
from mithridate.identity.verify import verify
from tests.identity.test_statement import MODEL, UPDATE, statements

KEY, OTHER = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(bytes([1]) * 32)
KNOWN = {KEY.fingerprint}
TOLD = Submission("run-1", 4, MODEL, UPDATE, 600)
ASKED = Invitation("run-1", 4, MODEL, 7)


def reason(signed, expected, known=KNOWN):
    with pytest.raises(NotAuthentic) as caught:
        verify(signed, known, expected)
    return caught.value.reason


def test_the_truth_passes_and_names_its_speaker():
    assert verify(sign(KEY, TOLD), KNOWN, TOLD) == KEY.fingerprint
    assert verify(sign(KEY, ASKED), KNOWN, ASKED) == KEY.fingerprint


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"run": "run-2"}, "wrong-run"),
        ({"round": 3}, "stale-round"),
        ({"round": 5}, "from-the-future"),
        ({"phase": "evaluate"}, "wrong-phase"),
        ({"model": "c" * 64}, "wrong-model"),
        ({"update": "c" * 64}, "wrong-update"),
        ({"examples": 601}, "wrong-examples"),
    ],
)
def test_each_lie_has_its_reason(changed, expected):
    assert reason(sign(KEY, replace(TOLD, **changed)), TOLD) == expected


def test_an_invitation_for_another_node_is_refused():
    assert reason(sign(KEY, replace(ASKED, node=8)), ASKED) == "wrong-node"


def test_a_stranger_is_refused_before_anything_else():
    assert reason(sign(OTHER, replace(TOLD, run="run-2")), TOLD) == "unknown-key"
    assert reason(Signed(TOLD, OTHER.public, bytes(64)), TOLD) == "unknown-key"
    assert reason(sign(KEY, TOLD), TOLD, known=()) == "unknown-key"


def test_a_signature_of_another_statement_or_key_is_refused_before_the_fields_are_read():
    for signature in (bytes(64), sign(OTHER, TOLD).signature, sign(KEY, replace(TOLD, round=3)).signature):
        assert reason(Signed(TOLD, KEY.public, signature), TOLD) == "bad-signature"
    assert reason(Signed(replace(TOLD, run="run-2"), KEY.public, sign(KEY, TOLD).signature), TOLD) == "bad-signature"


def test_a_statement_of_another_kind_is_refused():
    assert reason(sign(KEY, ASKED), TOLD) == "malformed"
    assert reason(sign(KEY, Rotation(KEY.fingerprint, OTHER.public.hex())), TOLD) == "malformed"


@given(statements, statements)
def test_only_the_expected_statement_passes(said, expected):
    signed = sign(KEY, said)
    if said == expected:
        assert verify(signed, KNOWN, expected) == KEY.fingerprint
    else:
        assert reason(signed, expected) != "bad-signature"


@given(statements, st.integers(0, 511))
def test_one_turned_bit_in_a_signature_is_noticed(statement, bit):
    signed = sign(KEY, statement)
    turned = (int.from_bytes(signed.signature, "little") ^ (1 << bit)).to_bytes(64, "little")
    assert reason(Signed(statement, KEY.public, turned), statement) == "bad-signature"
