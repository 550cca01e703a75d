"""Identity without Flower's machinery: what is vouched for, and what is remembered of it."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.flower.gate import Gate, reply_digest
from mithridate.guard.claims import Refused
from mithridate.guard.policy import Identity
from mithridate.identity.keys import SigningKey
from mithridate.identity.statement import Invitation, Submission, received, sign

KEY = SigningKey.from_seed(bytes(31) + b"\7")
ARRAYS = {"w": np.ones(2, np.float32)}
LIST = f'[[client]]\nname = "ann"\norganisation = "North"\nkey = "{KEY.fingerprint}"\napproved = 2026-01-01\n'


@pytest.fixture
def gate(tmp_path):
    (tmp_path / "enrolment.toml").write_text(LIST)
    return Gate(Identity("enrolment.toml", "signature", "server.pem"), "run", tmp_path)


def said(here, **other):
    fields = {
        "run": "run",
        "round": here.number,
        "model": here.model,
        "update": reply_digest(ARRAYS),
        "examples": 3,
    } | other
    return sign(KEY, Submission(**fields)).record()


def test_who_has_signed_is_named(gate):
    round = gate.begun(0, "train", {"w": np.zeros(2, np.float32)})
    assert gate.vouched(round, said(round), ARRAYS, 3) == "ann"
    assert gate.closed(round, 0) == {}


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"run": "old"}, "wrong-run"), ({"round": 9}, "from-the-future"), ({"model": "0" * 64}, "wrong-model"),
     ({"update": "0" * 64}, "wrong-update"), ({"examples": 4}, "wrong-examples")],
)  # fmt: skip
def test_what_differs_is_the_reason(gate, other, reason):
    round = gate.begun(0, "train", {})
    with pytest.raises(Refused) as caught:
        gate.vouched(round, said(round, **other), ARRAYS, 3)
    assert caught.value.reason == reason


@pytest.mark.parametrize("record", [{}, {"run": 1}, {"key": b"", "signature": b""}, 7, [("a", 1)]])
def test_anything_at_all_is_malformed_and_nothing_worse(gate, record):
    round = gate.begun(0, "train", {})
    with pytest.raises(Refused) as caught:
        gate.vouched(round, record, ARRAYS, 3)
    assert caught.value.reason == "malformed"


def test_an_invitation_is_signed_for_its_node(gate, tmp_path):
    round = gate.begun(2, "evaluate", ARRAYS)
    record = dict(gate.invitation(round, 77))
    signed = received(Invitation, record, node=77, phase="evaluate")
    assert signed.key == SigningKey.load(tmp_path / "server.pem").public
    assert signed.statement.round == 2


def test_the_same_statement_in_the_next_round_is_stale(gate):
    first = gate.begun(0, "train", {})
    gate.vouched(first, said(first), ARRAYS, 3)
    assert gate.closed(first, 0) == {}
    second = gate.begun(1, "train", {})
    with pytest.raises(Refused) as caught:
        gate.vouched(second, said(first), ARRAYS, 3)
    assert caught.value.reason == "stale-round"


def test_nothing_is_asked_where_nothing_is_required(tmp_path):
    assert Gate(Identity(), "run", tmp_path).begun(0, "train", {}) is None


def test_a_missing_list_is_an_error_with_its_path(tmp_path):
    with pytest.raises(ConfigurationError, match=r"enrolment.toml: the enrolment list cannot be read"):
        Gate(Identity("enrolment.toml", "signature"), "run", tmp_path)
