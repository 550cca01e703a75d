"""The guard's record, told by the names of the lab's SuperNodes."""

from __future__ import annotations

import hashlib
import json

import pytest

from mithridate.lab.certificates import node_key
from mithridate.lab.verdicts import known_as, verdict

ROW = dict.fromkeys(("liar", "minority", "examples", "share", "stage", "score", "threshold"))


@pytest.fixture
def recorded(lab):
    """A record of two rounds; in the second the liar was dropped and a stranger's row stands beside it."""
    for site in lab.plan.sites:
        node_key(lab.keys / site.name)
    names = [known_as(lab.keys / f"{site.name}.pub") for site in lab.plan.sites]
    rows = [{"client": name, "status": "counted", "reason": None} | ROW for name in names]
    odd = [*rows[:2], rows[2] | {"status": "dropped", "reason": "far"}, rows[0] | {"client": "node-7"}]
    folder = lab.record / "federation-0001"
    folder.mkdir(parents=True)
    events = [{"event": "started"}, *({"event": "round", "round": n, "clients": c} for n, c in enumerate([rows, odd]))]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return lab


def test_flowers_rounds_begin_with_one(recorded):
    assert [each["status"] for each in verdict(recorded, 1)["clients"]] == ["counted"] * 3


def test_clients_have_the_names_of_the_lab(recorded):
    told = verdict(recorded, 2)
    assert [(each["client"], each["status"], each["reason"]) for each in told["clients"]] == [
        ("site-1", "counted", None),
        ("site-2", "counted", None),
        ("liar-3", "dropped", "far"),
        ("node-7", "counted", None),
    ]
    assert told["refused"] is None


@pytest.mark.parametrize("round", [0, 3])
def test_a_round_that_was_not_held_has_no_verdict(recorded, round):
    assert verdict(recorded, round) == {}


def test_no_record_is_no_verdict(lab):
    assert verdict(lab, 1) == {}


def test_only_the_newest_run_counts(recorded):
    (recorded.record / "federation-0002").mkdir()
    (recorded.record / "federation-0002" / "events.jsonl").write_text(json.dumps({"event": "started"}) + "\n")
    assert verdict(recorded, 1) == {}


def test_a_name_is_what_flower_would_make_of_the_key(tmp_path):
    asymmetric = pytest.importorskip("flwr.supercore.primitives.asymmetric")
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key
    from flwr.serverapp import Grid  # noqa: F401 - the room below needs it

    from mithridate.flower.grid import by_key
    from mithridate.flower.private import NodeInfo

    public = node_key(tmp_path / "site-1")
    content = asymmetric.public_key_to_bytes(load_ssh_public_key(public.read_bytes()))
    assert known_as(public) == f"key:{hashlib.sha256(content).hexdigest()[:32]}"
    assert known_as(public) == by_key(NodeInfo(node_id=1, public_key=content))
