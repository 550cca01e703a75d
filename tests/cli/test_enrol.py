"""`enrol`: from a new key to a revoked one, without a secret on any screen."""

from __future__ import annotations

import io
import os

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mithridate.identity.approval import load_enrolment
from mithridate.identity.keys import SigningKey
from tests.cli.command import said

SUBVERBS = ["new-key", "token", "approve", "revoke", "list"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_json(capsys, *arguments):
    found = said(capsys, "enrol", *arguments, "--format", "json")
    assert found.code == 0, found
    return found.json


def refusal(capsys, *arguments):
    found = said(capsys, "enrol", *arguments)
    assert (found.code, found.out) == (2, ""), found
    return found.err


def enrolled(capsys, name="st-mary", key="key.pem"):
    public = as_json(capsys, "new-key", key)["public_key"]
    held = as_json(capsys, "token", name, "North")["token"]
    return as_json(capsys, "approve", "--token", held, "--key", public) | {"public_key": public, "token": held}


def test_from_a_new_key_to_a_revoked_one(capsys, folder):
    found = enrolled(capsys)
    key = SigningKey.load(folder / "key.pem")
    assert found["fingerprint"] == key.fingerprint
    assert (found["name"], found["organisation"]) == ("st-mary", "North")
    assert key.fingerprint in load_enrolment(folder / "enrolment.toml")
    gone = as_json(capsys, "revoke", "st-mary", "--reason", "laptop lost")
    assert (gone["fingerprint"], gone["reason"]) == (key.fingerprint, "laptop lost")
    assert load_enrolment(folder / "enrolment.toml").member(key.fingerprint) == "revoked"


def test_a_new_key_takes_the_place_of_the_old_one(capsys, folder):
    enrolled(capsys)
    rotation = as_json(capsys, "new-key", "new.pem", "--replaces", "key.pem")["rotation"]
    found = as_json(capsys, "approve", "--rotation", rotation)
    assert (found["name"], found["fingerprint"]) == ("st-mary", SigningKey.load(folder / "new.pem").fingerprint)
    statuses = [each["status"] for each in as_json(capsys, "list")["clients"]]
    assert statuses == ["revoked", "member"]
    assert "--rotation: unknown-key" in refusal(capsys, "approve", "--rotation", rotation)


def test_a_token_works_once(capsys, folder):
    found = enrolled(capsys)
    other = as_json(capsys, "new-key", "other.pem")["public_key"]
    assert "used up on" in refusal(capsys, "approve", "--token", found["token"], "--key", other)


def test_a_token_can_be_read_from_standard_input(capsys, folder, monkeypatch):
    public = as_json(capsys, "new-key", "key.pem")["public_key"]
    held = as_json(capsys, "token", "st-mary", "North")["token"]
    monkeypatch.setattr("sys.stdin", io.StringIO(held + "\n"))
    assert as_json(capsys, "approve", "--token", "-", "--key", public)["name"] == "st-mary"


def test_the_list_shows_people_what_it_holds(capsys, folder):
    enrolled(capsys)
    as_json(capsys, "token", "st-luke", "South")
    text = said(capsys, "enrol", "list").out
    assert [line.split()[:2] for line in text.splitlines() if line] == [
        ["name", "organisation"], ["st-mary", "North"], ["token", "for"], ["st-mary", "North"], ["st-luke", "South"],
    ]  # fmt: skip
    assert "member" in text and "open" in text and "used 2" in text
    (folder / "empty.toml").write_text("")
    assert said(capsys, "enrol", "list", "--file", "empty.toml").out == "empty.toml: nobody is enrolled\n"


def test_nothing_secret_is_shown(capsys, folder):
    shown = [
        said(capsys, "enrol", "new-key", "key.pem"),
        said(capsys, "enrol", "new-key", "n.pem", "--replaces", "key.pem"),
    ]
    held = as_json(capsys, "token", "st-mary", "North")["token"]
    public = SigningKey.load(folder / "key.pem")
    line = as_json(capsys, "new-key", "third.pem")["public_key"]
    later = [
        said(capsys, "enrol", "list"),
        said(capsys, "enrol", "list", "--format", "json"),
        said(capsys, "enrol", "approve", "--token", held + "0", "--key", line),
        said(capsys, "enrol", "approve", "--token", held, "--key", line),
        said(capsys, "enrol", "approve", "--token", held, "--key", line),
        said(capsys, "enrol", "revoke", "st-mary", "--reason", "x"),
        said(capsys, "enrol", "list"),
        said(capsys, "enrol", "new-key", "key.pem"),
    ]
    secrets = []
    for name in ("key.pem", "n.pem", "third.pem"):
        secret = SigningKey.load(folder / name)._secret
        raw = secret.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secrets += [raw.hex(), (folder / name).read_text().splitlines()[1]]
    for each in shown + later:
        assert not any(secret in each.out + each.err for secret in secrets)
    for each in later:
        assert held not in each.out + each.err
    assert held.removeprefix("enrol-") not in (folder / "enrolment.toml").read_text()
    assert public.fingerprint in shown[0].out


def test_a_key_is_not_written_over_and_must_be_ones_own(capsys, folder):
    as_json(capsys, "new-key", "key.pem")
    assert "never written over; choose another path" in refusal(capsys, "new-key", "key.pem")
    (folder / "key.pem").chmod(0o644)
    assert "run `chmod 600` on it" in refusal(capsys, "new-key", "new.pem", "--replaces", "key.pem")
    assert not os.path.lexists("new.pem")


def test_errors_say_where_and_how_to_mend(capsys, folder):
    for arguments in (["list"], ["revoke", "a", "--reason", "x"], ["approve", "--token", "a", "--key", "b"]):
        assert "enrolment.toml: there is no such file; `mithridate enrol token` makes one" in refusal(
            capsys, *arguments
        )
    (folder / "enrolment.toml").write_text("[organisations]\nmost-shares = 0.5\n")
    message = "enrolment.toml:2: [organisations] unknown key 'most-shares'; did you mean 'most-share'?"
    assert message in refusal(capsys, "list")
    assert message in refusal(capsys, "token", "a", "b")
    (folder / "enrolment.toml").write_text("")
    assert "give --token and --key, or --rotation alone" in refusal(capsys, "approve", "--token", "x")
    assert "give --token and --key, or --rotation alone" in refusal(
        capsys, "approve", "--token", "x", "--rotation", "y"
    )
    assert "--key: not base64" in refusal(capsys, "approve", "--token", "x", "--key", "?")
    held = as_json(capsys, "token", "st-mary", "North")["token"]
    assert "--key: malformed: a public key is 32 raw bytes" in refusal(
        capsys, "approve", "--token", held, "--key", "AAAA"
    )
    assert "--rotation: malformed" in refusal(capsys, "approve", "--rotation", "x")
    assert "name must be 1 to 64 printable" in refusal(capsys, "token", "node-1", "North")


def test_without_a_verb_it_explains_itself(capsys):
    found = said(capsys, "enrol")
    assert (found.code, found.err) == (0, "")
    assert all(verb in found.out for verb in SUBVERBS)
    assert "..." not in found.out.partition("Commands:")[2]


def test_a_misspelt_verb_is_suggested(capsys):
    assert "unknown verb 'aprove'; did you mean 'approve'?" in refusal(capsys, "aprove")


@pytest.mark.parametrize("verb", SUBVERBS)
def test_every_verb_speaks_json(capsys, verb):
    assert "--format" in said(capsys, "enrol", verb, "--help").out


def test_the_other_verbs_do_without_cryptography():
    import subprocess
    import sys

    code = "import sys, mithridate.cli.app; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own interpreter
    assert done.stdout == "False\n"
