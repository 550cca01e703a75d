"""Changes to the list: a token enrols one key, once, whatever happens in between."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError, StoreError, UnknownName
from mithridate.core.lock import taken
from mithridate.identity.approval import (
    approve,
    changed,
    heard_rotation,
    issue,
    load_enrolment,
    revoke,
    rotate,
    spoken_rotation,
    spoken_token,
)
from mithridate.identity.enrolment import Member, parse_enrolment
from mithridate.identity.keys import SigningKey
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation, Rotation, sign

KEYS = [SigningKey.from_seed(bytes([i]) * 32) for i in range(4)]
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECRET = bytes(range(16))
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}


def with_token(text="", name="st-mary", organisation="North", secret=SECRET):
    return issue(text, name, organisation, expires=NOW + timedelta(days=7), secret_token=secret)


def enrolled(name="st-mary", key=KEYS[0], text="", secret=SECRET):
    return approve(with_token(text, name, secret=secret), spoken_token(secret), key.public, now=NOW)


def test_a_token_is_kept_as_a_hash_only():
    text = with_token()
    assert SECRET.hex() not in text
    assert tomllib.loads(text)["token"] == [
        {
            "hash": hashlib.sha256(b"mithridate enrolment token v1\n" + SECRET).hexdigest(),
            "name": "st-mary",
            "organisation": "North",
            "expires": datetime(2026, 5, 11, 12, tzinfo=UTC),
        }
    ]
    assert spoken_token(SECRET) == "enrol-000102030405060708090a0b0c0d0e0f"


def test_approval_enrols_the_key_and_uses_the_token_up():
    text = enrolled()
    found = parse_enrolment(text)
    assert found.member(KEYS[0].fingerprint) == Member("st-mary", "North", KEYS[0].fingerprint)
    assert found.tokens[0].used == date(2026, 5, 4)
    for key in KEYS[:2]:
        with pytest.raises(ConfigurationError, match="used up on 2026-05-04"):
            approve(text, spoken_token(SECRET), key.public, now=NOW)


@pytest.mark.parametrize(("later_s", "fine"), [(-1, True), (0, False), (1, False)])
def test_a_token_is_worth_nothing_from_its_expiry_on(later_s, fine):
    now = NOW + timedelta(days=7, seconds=later_s)
    if fine:
        assert KEYS[0].fingerprint in parse_enrolment(
            approve(with_token(), spoken_token(SECRET), KEYS[0].public, now=now)
        )
    else:
        with pytest.raises(ConfigurationError, match="expired at 2026-05-11T12:00:00"):
            approve(with_token(), spoken_token(SECRET), KEYS[0].public, now=now)


@pytest.mark.parametrize(
    ("token", "message"),
    [("", "copied as a whole"), ("enrol-00", "copied as a whole"), (spoken_token(bytes(16)), "no such token")],
)
def test_another_token_is_refused_and_not_repeated(token, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        approve(with_token(), token, KEYS[0].public, now=NOW)
    assert not token or token not in str(caught.value)


def test_what_is_no_key_does_not_use_the_token_up():
    with pytest.raises(NotAuthentic, match="malformed"):
        approve(with_token(), spoken_token(SECRET), b"short", now=NOW)


def test_a_key_that_is_or_was_somebodys_is_refused():
    text = enrolled()
    again = with_token(text, "st-john", secret=bytes(16))
    with pytest.raises(ConfigurationError, match="stands twice"):
        approve(again, spoken_token(bytes(16)), KEYS[0].public, now=NOW)
    gone = revoke(again, "st-mary", "lost", today=date(2026, 6, 1))
    with pytest.raises(ConfigurationError, match="stands twice"):
        approve(gone, spoken_token(bytes(16)), KEYS[0].public, now=NOW)


def test_an_organisation_gets_no_more_keys_than_it_may():
    text = enrolled(text="[organisations]\nmost-clients = 1\n")
    with pytest.raises(ConfigurationError, match="most-clients is 1, and 'North' has 2"):
        enrolled("st-john", KEYS[1], text, bytes(16))


def test_revocation_is_for_good_and_says_why():
    text = revoke(enrolled(), "st-mary", "laptop lost", today=date(2026, 6, 1))
    found = parse_enrolment(text)
    assert found.member(KEYS[0].fingerprint) == "revoked"
    assert (found.clients[0].revoked, found.clients[0].reason) == (date(2026, 6, 1), "laptop lost")
    with pytest.raises(ConfigurationError, match="revoked on 2026-06-01 already: laptop lost"):
        revoke(text, KEYS[0].fingerprint, "again", today=date(2026, 6, 2))


def test_revoking_somebody_unknown_suggests_a_name():
    with pytest.raises(UnknownName, match="did you mean 'st-mary'"):
        revoke(enrolled(), "st-marry", "x", today=date(2026, 6, 1))
    for reason in ("", "\x1b[31m", "x" * 201):
        with pytest.raises(ConfigurationError, match=r"reason|say why"):
            revoke(enrolled(), "st-mary", reason, today=date(2026, 6, 1))


def test_a_new_key_signed_by_the_old_one_takes_its_place_and_keeps_the_name():
    signed = sign(KEYS[0], Rotation(KEYS[0].fingerprint, KEYS[1].public.hex()))
    found = parse_enrolment(rotate(enrolled(), signed, today=date(2026, 6, 1)))
    assert found.member(KEYS[0].fingerprint) == "revoked"
    assert found.member(KEYS[1].fingerprint) == Member("st-mary", "North", KEYS[1].fingerprint)
    with pytest.raises(NotAuthentic, match="unknown-key"):  # replayed
        rotate(rotate(enrolled(), signed, today=date(2026, 6, 1)), signed, today=date(2026, 6, 1))


def test_a_rotation_can_be_passed_on_as_a_line():
    signed = sign(KEYS[0], Rotation(KEYS[0].fingerprint, KEYS[1].public.hex()))
    line = spoken_rotation(signed)
    assert (line[:7], len(line)) == ("rotate-", 7 + 172)  # 128 bytes
    assert heard_rotation(line) == signed
    for wrong in (line[:-1], line[7:], line.replace("rotate-", "rotate-!"), "", "rotate-", "rotate-ä" + line[8:]):
        with pytest.raises(NotAuthentic, match="malformed"):
            heard_rotation(wrong)
    with pytest.raises(NotAuthentic, match="no rotation"):
        spoken_rotation(sign(KEYS[0], Invitation("r", 0, "a" * 64, 1)))


@pytest.mark.parametrize(
    ("signed", "message"),
    [
        (sign(KEYS[1], Rotation(KEYS[0].fingerprint, KEYS[1].public.hex())), "unknown-key"),
        (sign(KEYS[1], Rotation(KEYS[1].fingerprint, KEYS[2].public.hex())), "unknown-key"),
        (sign(KEYS[0], Rotation(KEYS[1].fingerprint, KEYS[2].public.hex())), "no rotation of the key that signed it"),
        (sign(KEYS[0], Invitation("r", 0, "a" * 64, 1)), "no rotation"),
    ],
)
def test_a_rotation_that_the_old_key_did_not_sign_is_refused(signed, message):
    with pytest.raises(NotAuthentic, match=message):
        rotate(enrolled(), signed, today=date(2026, 6, 1))


def test_comments_and_everything_else_survive():
    before = (
        "# ours\r\n[organisations] # caps\nmost-share = 0.9 # not all\n\n[[client]] # first\n"
        f'key = "{KEYS[3].fingerprint}" # by phone\nname = "old"\norganisation = "South"\napproved = 2025-01-01'
    )
    text = enrolled(text=before)
    text = revoke(text, "old", 'said "no"\\', today=date(2026, 6, 1))
    rest = iter(text.split("\n"))
    assert all(line in rest for line in before.split("\n"))  # in order
    assert parse_enrolment(text).clients[0].reason == 'said "no"\\'


@pytest.mark.parametrize(
    "written",
    [
        f'client = [{{ name = "st-mary", organisation = "North", key = "{KEYS[0].fingerprint}" }}]',
        f'[[client]]\nname = "st-mary"\norganisation = "North"\nkey = """\\\n{KEYS[0].fingerprint}"""',
    ],
)
def test_what_a_program_cannot_edit_is_left_to_a_person(written):
    assert KEYS[0].fingerprint in [client.fingerprint for client in parse_enrolment(written).clients]
    with pytest.raises(ConfigurationError, match="only a person can edit"):
        revoke(written, "st-mary", "lost", today=date(2026, 6, 1))


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_any_names_and_reasons_come_back_or_are_refused(name, organisation, reason):
    try:
        text = approve(with_token("", name, organisation), spoken_token(SECRET), KEYS[0].public, now=NOW)
        text = revoke(text, KEYS[0].fingerprint, reason, today=date(2026, 6, 1))
    except ConfigurationError:
        return
    (client,) = parse_enrolment(text).clients
    assert (client.name, client.organisation, client.reason) == (name, organisation, reason)


def written(path, secret=SECRET):
    return changed(path, lambda text: with_token(text, secret=secret), new=True)


def test_a_list_is_made_with_its_first_token_and_keeps_its_mode(tmp_path):
    path = tmp_path / "enrolment.toml"
    with pytest.raises(StoreError, match="no such file"):
        changed(path, with_token)
    written(path)
    assert path.read_text().startswith("# Which keys may speak")
    path.chmod(0o600)
    changed(path, lambda text: approve(text, spoken_token(SECRET), KEYS[0].public, now=NOW))
    assert path.stat().st_mode & 0o777 == 0o600
    assert KEYS[0].fingerprint in load_enrolment(path)


def test_a_refused_change_leaves_the_file_alone(tmp_path):
    path = tmp_path / "enrolment.toml"
    written(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError):
        changed(path, lambda text: approve(text, "wrong", KEYS[0].public, now=NOW))
    assert path.read_bytes() == before


def test_what_was_wrong_before_is_told_with_the_files_name(tmp_path):
    path = tmp_path / "list.toml"
    path.write_text("[[clients]]\n")
    with pytest.raises(ConfigurationError, match=r"list.toml:1: unknown table 'clients'"):
        changed(path, with_token)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_enrolment(path)


def test_two_operators_do_not_write_at_once(tmp_path):
    path = tmp_path / "enrolment.toml"
    written(path)
    with taken(tmp_path / ".enrolment.toml.lock"), pytest.raises(StoreError, match="wait for it or stop it"):
        changed(path, lambda text: approve(text, spoken_token(SECRET), KEYS[0].public, now=NOW))
    assert KEYS[0].fingerprint not in load_enrolment(path)


def dies_at(moment, path):
    """Approve in a child that is killed before its `moment`-th change to the disk; False if it came through."""
    child = os.fork()
    if child == 0:
        left = [moment]

        def strike(event, _):
            left[0] -= event in CHANGES
            if left[0] == 0 and event in CHANGES:
                os.kill(os.getpid(), signal.SIGKILL)

        real = os.fsync

        def fsync(descriptor):
            strike("open", ())
            real(descriptor)

        os.fsync = fsync
        sys.addaudithook(strike)
        changed(path, lambda text: approve(text, spoken_token(SECRET), KEYS[0].public, now=NOW))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_any_moment_the_token_and_the_key_agree(tmp_path):
    moment, outcomes = 1, []
    while True:
        path = tmp_path / str(moment) / "enrolment.toml"
        path.parent.mkdir()
        written(path)
        struck = dies_at(moment, path)
        found = load_enrolment(path)
        assert (found.tokens[0].used is not None) == (KEYS[0].fingerprint in found)
        outcomes.append(KEYS[0].fingerprint in found)
        if not struck:
            break
        if not outcomes[-1]:  # the operator tries again
            changed(path, lambda text: approve(text, spoken_token(SECRET), KEYS[0].public, now=NOW))
            assert KEYS[0].fingerprint in load_enrolment(path)
        moment += 1
    assert outcomes[0] is False and outcomes[-1] is True and moment > 5
