"""Statements: one meaning, one spelling; anything else is malformed."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.identity.keys import SigningKey, holds
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation, Rotation, Signed, Submission, encoded, received, sign

KEY = SigningKey.from_seed(bytes(32))
MODEL, UPDATE = "a" * 64, "b" * 64

hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
runs = st.text("abcXYZ019._:+-", min_size=1, max_size=20)
wholes = st.integers(0, 2**53 - 1)
phases = st.sampled_from(["train", "evaluate"])
submissions = st.builds(Submission, runs, wholes, hexes, hexes, wholes, phases)
invitations = st.builds(Invitation, runs, wholes, hexes, st.integers(0, 2**64 - 1), phases)
statements = st.one_of(submissions, invitations)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=80), st.binary(max_size=80)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=5,
)


def test_the_signed_bytes_written_by_hand():
    body = (
        '{"examples":600,"model":"'
        + "a" * 64
        + '","phase":"train","round":4,"run":"run-1","update":"'
        + "b" * 64
        + '"}'
    )
    kind = "application/vnd.mithridate.submission.v1+json"
    assert (len(kind), len(body)) == (45, 207)
    assert encoded(Submission("run-1", 4, MODEL, UPDATE, 600)) == f"DSSEv1 45 {kind} 207 {body}".encode()


def test_a_node_id_beyond_every_exact_number_is_a_text():
    body = encoded(Invitation("r", 0, MODEL, 2**64 - 1)).decode()
    assert body.endswith(',"node":"18446744073709551615","phase":"train","round":0,"run":"r"}')


def test_a_signature_is_the_same_tomorrow():
    # as `openssl pkeyutl -sign -rawin` signs the bytes written by hand above, with the seed of 32 zeros
    found = sign(KEY, Submission("run-1", 4, MODEL, UPDATE, 600)).signature.hex()
    assert found == (
        "c237557fa32fb65a89a1cc5bea2e0629badbe439dc5220615c642eb26563e32d"
        "d589844fc1785a63764a1a20aef8407fc1294e231860ecf7406b60cdc9a25d0c"
    )


@given(statements, statements)
def test_different_statements_have_different_bytes(one, two):
    assert (encoded(one) == encoded(two)) == (one == two)


def test_a_kind_never_passes_for_another():
    begun = {
        encoded(each).split(b"{")[0].split()[2]
        for each in (
            Invitation("r", 1, MODEL, 1),
            Submission("r", 1, MODEL, UPDATE, 1),
            Rotation(KEY.fingerprint, "ab" * 32),
        )
    }
    assert len(begun) == 3


@given(statements)
def test_what_was_signed_holds_and_comes_back_from_the_wire(statement):
    signed = sign(KEY, statement)
    assert holds(signed.key, encoded(statement), signed.signature)
    own = {"phase": statement.phase} | ({"node": statement.node} if isinstance(statement, Invitation) else {})
    assert received(type(statement), signed.record(), **own) == signed


def test_the_wire_holds_what_the_receiver_does_not_know():
    assert set(sign(KEY, Invitation("r", 1, MODEL, 7)).record()) == {"run", "round", "model", "key", "signature"}
    assert set(sign(KEY, Submission("r", 1, MODEL, UPDATE, 1)).record()) == {
        "run", "round", "model", "update", "examples", "key", "signature",
    }  # fmt: skip


BAD = {
    "run": [None, "", "a b", "x" * 129, "ä", "a\n", b"run", 3, ["r"]],
    "round": [None, -1, 2**53, True, 1.0, "1", 10**5000],
    "model": [None, "", "a" * 63, "a" * 65, "A" * 64, "g" * 64, b"a" * 64, "a" * 64 + "\n"],
    "update": [None, "a" * 63, 5],
    "examples": [None, -1, 2**53, False, 2.0],
    "node": [None, -1, 2**64, True, "7"],
    "phase": [None, "", "Train", b"train", 1, ["train"]],
}


@pytest.mark.parametrize("kind", [Invitation, Submission])
def test_a_field_of_the_wrong_form_cannot_be_built(kind):
    good = Invitation("r", 1, MODEL, 7) if kind is Invitation else Submission("r", 1, MODEL, UPDATE, 1)
    for name in (each.name for each in fields(kind)):
        for value in BAD[name]:
            with pytest.raises(NotAuthentic, match=f"^malformed: {name}"):
                replace(good, **{name: value})


def test_a_rotation_names_a_fingerprint_and_a_usable_key():
    for old, new in (("x", "ab" * 32), (KEY.fingerprint, "zz" * 32), (KEY.fingerprint, "00" * 32), (None, None)):
        with pytest.raises(NotAuthentic, match="malformed"):
            Rotation(old, new)


@given(anything)
def test_any_record_at_all_is_refused_by_name(record):
    with pytest.raises(NotAuthentic) as caught:
        received(Submission, record, phase="train")
    assert caught.value.reason == "malformed"


def outcome(record):
    """What the record comes back as, or why it is refused."""
    try:
        return received(Submission, record, phase="train").record()
    except NotAuthentic as error:
        return str(error)


@given(st.data())
def test_a_record_with_anything_in_one_field_is_refused_or_well_formed(data):
    record = sign(KEY, Submission("run-1", 4, MODEL, UPDATE, 600)).record()
    name = data.draw(st.sampled_from(sorted(record)))
    record[name] = data.draw(anything)
    found = outcome(record)
    assert found == record or (found.startswith("malformed: ") and len(found) < 200)


def test_a_field_too_many_or_too_few_is_refused():
    record = sign(KEY, Submission("run-1", 4, MODEL, UPDATE, 600)).record()
    for bad in (record | {"more": 1}, {key: value for key, value in record.items() if key != "run"}, {}, {1: 2}):
        with pytest.raises(NotAuthentic, match="and nothing else"):
            received(Submission, bad, phase="train")


@pytest.mark.parametrize(("statement", "key", "signature"), [("x", KEY.public, bytes(64)), (None, b"", b"")])
def test_only_statements_are_signed(statement, key, signature):
    with pytest.raises(NotAuthentic, match="no statement"):
        Signed(statement, key, signature)
