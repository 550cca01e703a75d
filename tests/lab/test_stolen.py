"""What a liar takes from others and from its own past, and that a guard which checks signatures sees it."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
import pytest

from mithridate.identity.keys import SigningKey
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Submission, received, sign
from mithridate.identity.verify import verify
from mithridate.lab.stolen import LIE_FILE, keep, kept, replayed, spoofed

flwr = pytest.importorskip("flwr.app")


class Anybody:
    def __contains__(self, who):
        return True


def statement(round):
    return Submission("run", round, "ab" * 32, "cd" * 32, 3)


def content(round, key):
    return flwr.RecordDict(
        {
            "arrays": flwr.ArrayRecord({"w": flwr.Array(np.full((2, 3), round, np.float32))}),
            "metrics": flwr.MetricRecord({"num-examples": 3, "losses": [0.5, float(round)]}),
            "mithridate": flwr.ConfigRecord(sign(key, statement(round)).record()),
        }
    )


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """The liar's key and an honest one, both on the list of a lab; the liar's own folder is where its lie stands."""
    own = tmp_path / "liars" / "liar-2"
    own.mkdir(parents=True)
    monkeypatch.setenv(LIE_FILE, str(own / "lie"))
    found = [SigningKey.create(tmp_path / f"{name}.pem") for name in ("liar", "site")]
    clients = [f'[[client]]\nname = "c{i}"\nkey = "{b64encode(key.public).decode()}"' for i, key in enumerate(found)]
    (tmp_path / "enrolment.toml").write_text("\n".join(clients))
    return found


def test_a_spoofed_reply_carries_anothers_key_and_no_signature_of_it(keys):
    liar, site = keys
    told = content(1, liar)
    spoofed(told, None)
    assert told["mithridate"]["key"] == site.public
    with pytest.raises(NotAuthentic) as refused:
        verify(received(Submission, dict(told["mithridate"]), phase="train"), Anybody(), statement(1))
    assert refused.value.reason == "bad-signature"


def test_an_app_that_signs_nothing_has_nothing_to_spoof(keys):
    told = flwr.RecordDict({"metrics": flwr.MetricRecord({"num-examples": 3})})
    spoofed(told, None)
    assert list(told) == ["metrics"]


def test_a_replayed_reply_is_the_last_one_bit_for_bit_and_answers_another_round(keys):
    liar, _ = keys
    first, second = content(1, liar), content(2, liar)
    keep(first)
    replayed(second, None)
    assert second["arrays"]["w"] == first["arrays"]["w"]
    assert dict(second["metrics"]) == dict(first["metrics"])
    assert dict(second["mithridate"]) == dict(first["mithridate"])
    signed = received(Submission, dict(second["mithridate"]), phase="train")
    verify(signed, Anybody(), statement(1))  # a good signature, of round 1
    with pytest.raises(NotAuthentic) as refused:
        verify(signed, Anybody(), statement(2))
    assert refused.value.reason == "stale-round"


def test_in_the_first_round_there_is_nothing_to_replay(keys):
    told = content(1, keys[0])
    honest = told["arrays"]["w"]
    assert kept() == {}
    replayed(told, None)
    assert told["arrays"]["w"] == honest
