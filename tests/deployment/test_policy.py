"""What a policy leaves open."""

from __future__ import annotations

import pytest

from mithridate.deployment.policy import examine_policy

SOUND = """[round]
quorum = 5
[identity]
enrolment = "enrolment.toml"
require = "signature"
server-key = "server.pem"
[client]
server = "ed25519:00"
[record]
folder = "record"
[monitor]
port = 9000
"""


@pytest.fixture
def found(tmp_path):
    def examined(text):
        path = tmp_path / "policy.toml"
        path.write_text(text)
        return {each.name: each.severity for each in examine_policy(path)}

    return examined


def test_a_sound_policy_has_no_findings(found):
    assert found(SOUND) == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('require = "signature"', 'require = "none"', {"replies-unsigned": "medium"}),
        ('require = "signature"', 'require = "node-key"', {}),
        ('server = "ed25519:00"', "", {"server-unchecked": "low"}),
        ('folder = "record"', "", {"no-record": "low"}),
        ("port = 9000", 'port = 9000\nhost = "0.0.0.0"', {"metrics-exposed": "medium"}),
        ("port = 9000", 'host = "0.0.0.0"', {}),
        ("quorum = 5", "quorum = 1", {"quorum-of-one": "note"}),
        ("[round]", "[rounds]", {"policy-broken": "high"}),
        ("quorum = 5", "quorum = ", {"policy-broken": "high"}),
    ],
)
def test_each_gap_is_one_finding(found, old, new, expected):
    assert old in SOUND
    assert found(SOUND.replace(old, new)) == expected


def test_a_key_that_lies_here_is_looked_at(found, tmp_path):
    (tmp_path / "server.pem").write_text("secret")
    (tmp_path / "server.pem").chmod(0o644)
    assert found(SOUND) == {"key-open-to-all": "high"}


def test_what_cannot_be_read_is_broken(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    for name in ("missing.toml", "latin.toml"):
        assert [each.name for each in examine_policy(tmp_path / name)] == ["policy-broken"]
