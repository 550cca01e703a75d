"""The lab with Flower itself: a SuperLink, SuperNodes and a liar. Slow: two minutes where two cores are busy."""

from __future__ import annotations

import socket

import pytest

from mithridate.core.errors import MithridateError
from mithridate.lab.commands import Plan
from mithridate.lab.federation import prepare, rise, train
from mithridate.lab.folder import made
from mithridate.lab.ports import taken
from mithridate.lab.processes import end, members
from mithridate.lab.strangers import STRANGERS, knock

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    pytest.importorskip("flwr")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = min(server.getsockname()[1], 60000)
    new = made(tmp_path / "lab", Plan(nodes=2, liars=1, rounds=2, port=port + 1))
    yield new
    end(new.marker, grace_s=2)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_guard_bears_the_liar_strangers_stay_out_and_nothing_stays_behind(lab):
    list(prepare(lab))
    list(rise(lab))
    assert len(list(knock(lab))) == len(STRANGERS)
    rounds = [event for event in train(lab, "guarded", guarded=True, lie="reverse") if event["event"] == "round"]
    assert len(rounds) == 3
    assert rounds[-1]["accuracy"] > 0.7
    for told in rounds[1:]:
        assert {each["client"]: each["status"] for each in told["clients"]} == {
            "site-1": "counted",
            "site-2": "counted",
            "liar-3": "dropped",
        }
    for site in lab.plan.sites:  # the same bundle everywhere, the liar's included
        (installed,) = (lab.home(site.name) / "apps").iterdir()
        assert "labapp" in installed.name
    running = {process.program for process in members(lab.marker)}
    assert {"flower-superlink", "flower-supernode", "flower-superexec"} <= running
    end(lab.marker)
    assert members(lab.marker) == ()
    assert taken("127.0.0.1", range(lab.plan.port, lab.plan.port + 4)) == []


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_ends_a_run_without_a_guard_is_named_round_by_round_with_one(lab):
    list(prepare(lab))
    list(rise(lab))
    lies = {"garbage": "malformed", "two-models": "records"}
    rounds = [event for event in train(lab, "guarded", guarded=True, lie=" ".join(lies)) if event["event"] == "round"]
    assert rounds[-1]["accuracy"] > 0.7
    for told, reason in zip(rounds[1:], lies.values(), strict=True):
        assert {each["client"]: each["reason"] for each in told["clients"]} == {
            "site-1": None,
            "site-2": None,
            "liar-3": reason,
        }
    with pytest.raises(MithridateError, match="ended early after 0 rounds"):
        list(train(lab, "bare", guarded=False, lie="garbage"))
