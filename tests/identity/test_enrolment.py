"""The enrolment list: strict, unambiguous, and the same answer on every day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.identity.enrolment import Client, Enrolment, Member, Organisations, parse_enrolment, public_text
from mithridate.identity.keys import SigningKey

KEYS = [SigningKey.from_seed(bytes([i]) * 32) for i in range(6)]
LIST = f"""[organisations]
most-clients = 3
most-share = 0.5

[[client]]
name = "st-mary"
organisation = "North"
key = "{public_text(KEYS[0].public)}"
approved = 2026-05-04

[[client]]  # known by its fingerprint only
name = "st-john"
organisation = "South"
key = "{KEYS[1].fingerprint}"

[[client]]
name = "lost"
organisation = "South"
key = "{public_text(KEYS[2].public)}"
approved = 2026-05-04
revoked = 2026-06-01
reason = "laptop lost"

[[token]]
hash = "{"0" * 64}"
name = "st-luke"
organisation = "North"
expires = 2026-05-11T12:00:00Z
"""


def test_the_list_says_who_may_speak_and_why_others_may_not():
    found = parse_enrolment(LIST)
    assert found.member(KEYS[0].fingerprint) == Member("st-mary", "North", KEYS[0].fingerprint)
    assert found.member(KEYS[1].fingerprint) == "not-approved"
    assert found.member(KEYS[2].fingerprint) == "revoked"
    assert found.member(KEYS[3].fingerprint) == "not-enrolled"
    assert [key.fingerprint in found for key in KEYS[:4]] == [True, False, False, False]


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.lists(st.integers())))
def test_anybody_else_is_not_enrolled(who):
    assert parse_enrolment(LIST).member(who) == "not-enrolled"
    assert who not in parse_enrolment(LIST)


ONE = '[[client]]\nname = "a"\norganisation = "b"\n'
HEAD = ONE + 'key = "' + KEYS[0].fingerprint + '"\n'


SECOND = HEAD.replace(KEYS[0].fingerprint, KEYS[1].fingerprint)
PERMIT = '[[token]]\nname = "a"\norganisation = "b"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[clients]]", "enrolment.toml:1: unknown table 'clients'; did you mean 'client'?"),
        (HEAD + 'aproved = 2026-01-01', "enrolment.toml:5: client 1: unknown key 'aproved'; did you mean 'approved'?"),
        ("[organisations]\nmost-shares = 1.0", "2: [organisations] unknown key 'most-shares'; did you mean 'most-share'?"),
        ("[organisations]\nmost-share = 1.5", "enrolment.toml:2: [organisations] most-share must lie in (0, 1], not 1.5"),
        ("[organisations]\nmost-clients = 0", "enrolment.toml:2: [organisations] most-clients must be at least 1, not 0"),
        ("[organisations]\nmost-clients = true", "2: [organisations] most-clients: expected a whole number, not True"),
        (HEAD + 'approved = "2026-01-01"', "5: client 1: approved: expected a date (2026-05-04), not '2026-01-01'"),
        (HEAD + "approved = 2026-01-01T00:00:00Z", "expected a date"),
        (HEAD + "revoked = 2026-01-01", "enrolment.toml:5: client 1: 'revoked' and 'reason' belong together"),
        (HEAD + 'reason = "x"', "'revoked' and 'reason' belong together"),
        ('[client]\nname = "a"', "enrolment.toml:1: 'client' must be a list: write [[client]]"),
        (ONE, "enrolment.toml:1: client 1: 'key' is missing"),
        ('[[client]]\nname = "node-7"\norganisation = "b"\nkey = "x"', ":2: client 1: name must be 1 to 64 printable"),
        ('[[client]]\nname = "a\\u001b"\norganisation = "b"\nkey = "x"', "name must be 1 to 64 printable"),
        (ONE + 'key = "x"', "enrolment.toml:4: client 1: key must be a public key's 32 bytes"),
        (ONE + 'key = "' + public_text(bytes(32)) + '"', "small order"),
        (HEAD + HEAD.replace('"a"', '"c"'), "enrolment.toml:5: client 2: key ed25519:"),
        (HEAD + SECOND, "'a' has two keys; revoke one"),
        (HEAD + SECOND.replace('"b"', '"c"'), "'a' belongs to two organisations"),
        ("[organisations]\nmost-clients = 1\n" + HEAD + SECOND.replace('"a"', '"c"'),
         "most-clients is 1, and 'b' has 2: revoke some, or raise it"),
        (PERMIT + 'hash = "x"\nexpires = 2026-01-01T00:00:00Z', "hash must be 64 hex digits"),
        (PERMIT + f'hash = "{"0" * 64}"\nexpires = 2026-01-01T00:00:00', "expires must have a time zone"),
        ("[[client]", "enrolment.toml: not valid TOML"),
        ("x = " + "[" * 5000, "enrolment.toml: not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text, message):
    with pytest.raises(ConfigurationError) as caught:
        parse_enrolment(text)
    assert message in str(caught.value)


def test_a_key_and_its_fingerprint_are_one_key():
    both = (Client("a", "x", public_text(KEYS[0].public)), Client("b", "x", KEYS[0].fingerprint))
    with pytest.raises(ConfigurationError, match="stands twice"):
        Enrolment(clients=both)


def test_base64_that_is_spelt_otherwise_is_refused():
    spelt = public_text(KEYS[0].public)
    for other in (spelt.rstrip("="), spelt + "\n", " " + spelt, spelt.replace("k=", "l=")):
        with pytest.raises(ConfigurationError, match="in base64"):
            Client("a", "x", other)


def test_the_cap_counts_members_only_and_refuses_others():
    list_of_three = Enrolment(
        Organisations(most_share=0.5),
        tuple(Client(f"c{i}", "North" if i < 3 else "South", KEYS[i].fingerprint, approved=None) for i in range(4)),
    )
    assert list_of_three.capped(key.fingerprint for key in KEYS[:4]) == tuple(sorted(k.fingerprint for k in KEYS[:4]))
    found = parse_enrolment(
        LIST.replace(f'key = "{KEYS[1].fingerprint}"', f'key = "{KEYS[1].fingerprint}"\napproved = 2026-05-05')
    )
    present = [KEYS[0].fingerprint, KEYS[1].fingerprint, KEYS[3].fingerprint]
    assert found.capped(present) == (KEYS[3].fingerprint,)
    assert found.capped(present[:1]) == (KEYS[0].fingerprint,)  # alone it would be all of the round


@given(st.text())
def test_any_text_is_a_list_or_a_configuration_error(text):
    try:
        found = parse_enrolment(text)
    except ConfigurationError:
        return
    assert isinstance(found, Enrolment)
