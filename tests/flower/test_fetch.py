"""Replies through Flower's own Grid, from a SuperLink in miniature that hands each out once, as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httpx
import numpy as np
import pytest
from flwr.app import Array, Context, Message, RecordDict
from flwr.superlink.grid.http_grid import HttpGrid

from mithridate.flower import guard_app
from mithridate.flower.fetch import Fetch, Undelivered
from mithridate.flower.local import LocalGrid
from mithridate.flower.private import identified, numbered
from mithridate.guard.policy import read_policy
from tests.flower.federation import MODEL, client_app, named, rounds_into, server_app
from tests.flower.superlink import SuperLink, connected, repeated, torn, whole

PLENTY = 1 << 20


@pytest.fixture
def link() -> SuperLink:
    return SuperLink()


@pytest.fixture
def grid(link: SuperLink) -> HttpGrid:
    return connected(link)


def model(size: int = 3, bent: Callable[[Array], Array] = whole) -> dict[str, Array]:
    return {"w": bent(Array(np.arange(size, dtype=np.float32)))}


def told(found: Iterable[Message | Undelivered]) -> dict[str, Any]:
    """What came, by instruction: the values, or the reason."""
    seen = {}
    for each in found:
        if isinstance(each, Undelivered):
            seen[each.id] = each.reason
        else:
            seen[each.metadata.reply_to_message_id] = (
                each.content["arrays"]["w"].numpy().tolist() if each.has_content() else each.error.code
            )
    return seen


def test_flowers_own_grid_loses_honest_replies_over_one_that_is_torn(link, grid):
    for id, bent in (("a", torn), ("b", whole), ("c", whole)):
        link.bring(id, model(bent=bent))
    with pytest.raises(UnicodeDecodeError):
        grid.pull_messages(["a", "b", "c"])
    assert list(grid.pull_messages(["b", "c"])) == []


def test_a_torn_reply_costs_nobody_else(link, grid):
    for id, bent in (("a", torn), ("b", whole), ("c", whole)):
        link.bring(id, model(bent=bent))
    found = told(Fetch(grid).arrived(["a", "b", "c"], PLENTY))
    assert found == {"a": "malformed", "b": [0, 1, 2], "c": [0, 1, 2]}


def test_a_reply_whose_bytes_do_not_come_holds_nobody_up_and_is_taken_when_they_come(link, grid):
    late = link.bring("a", model(5), without=2)
    link.bring("b", model())
    fetch = Fetch(grid)
    assert told(fetch.arrived(["a", "b"], PLENTY)) == {"b": [0, 1, 2]}
    assert told(fetch.arrived(["a"], PLENTY)) == {}
    link.objects |= late
    assert told(fetch.arrived(["a"], PLENTY)) == {"a": [0, 1, 2, 3, 4]}
    assert told(fetch.arrived(["a"], PLENTY)) == {}


def test_what_has_arrived_is_not_asked_for_again(link, grid):
    late = link.bring("a", model(5), without=1)
    fetch = Fetch(grid)
    for _ in range(3):
        assert told(fetch.arrived(["a"], PLENTY)) == {}
    link.objects |= late
    assert told(fetch.arrived(["a"], PLENTY)) == {"a": [0, 1, 2, 3, 4]}
    assert all(link.asked.count(id) == 1 for id in set(link.asked) - set(late))


def test_a_reply_is_not_taken_into_memory_beyond_what_it_may_bring(link, grid):
    link.bring("a", model(100_000))
    link.bring("b", model())
    assert told(Fetch(grid).arrived(["a", "b"], 50_000)) == {"a": "too-many-bytes", "b": [0, 1, 2]}


def test_many_small_objects_are_no_small_reply(link, grid):
    small = Array(np.zeros(1, np.int8))
    link.bring("a", {f"w{i}": Array(np.array([i % 100, i // 100], np.int8)) for i in range(300)} | {"w": small})
    assert told(Fetch(grid).arrived(["a"], 60_000)) == {"a": "too-many-bytes"}


def test_an_array_that_names_one_part_many_times_is_not_unpacked(link, grid):
    honest = Array(np.zeros(1000, np.float32))
    link.bring("a", {"w": repeated(honest, 300)})
    link.bring("b", {"w": repeated(honest, 2)})
    found = list(Fetch(grid).arrived(["a", "b"], PLENTY))
    assert isinstance(found[0], Undelivered)
    assert "becomes 12" in found[0].detail
    assert len(found[1].content["arrays"]["w"].data) == 2 * len(honest.data)  # which admission refuses


def test_when_the_superlink_is_away_nobody_is_blamed_and_nothing_is_lost(link, grid, caplog):
    link.bring("a", model())
    fetch, link.down = Fetch(grid), "no route"
    assert told(fetch.arrived(["a"], PLENTY)) == {}
    link.down = ""
    pull, link.PullObject = link.PullObject, lambda request: (_ for _ in ()).throw(httpx.ReadTimeout("slow"))
    assert told(fetch.arrived(["a"], PLENTY)) == {}
    link.PullObject = pull
    assert told(fetch.arrived(["a"], PLENTY)) == {"a": [0, 1, 2]}
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_an_object_that_the_superlink_has_dropped_is_its_own_error_and_no_lie(link, grid):
    late = link.bring("a", model(), without=1)
    for id in late:
        del link.objects[id]
    ((_, code),) = told(Fetch(grid).arrived(["a"], PLENTY)).items()
    assert isinstance(code, int)


def test_an_instruction_that_is_over_is_forgotten(link, grid):
    link.bring("a", model(), without=1)
    fetch = Fetch(grid)
    assert told(fetch.arrived(["a"], PLENTY)) == {}
    asked = len(link.asked)
    fetch.forget(["a", "b"])
    assert told(fetch.arrived(["a"], PLENTY)) == {} and len(link.asked) == asked


def test_what_the_superlink_lists_unasked_is_passed_over(link, grid):
    link.bring("a", model())
    link.bring("", model())
    listing = link.PullMessages
    link.PullMessages = lambda request: listing(type(request)(message_ids=[*request.message_ids, ""]))
    assert told(Fetch(grid).arrived(["a"], PLENTY)) == {"a": [0, 1, 2]}


def test_a_grid_without_a_superlink_is_asked_as_it_is():
    class Torn(LocalGrid):
        def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
            ids = list(message_ids)
            if "bad" in ids:
                raise ValueError("torn")
            with identified(1, 5):
                return [Message(RecordDict(), reply_to=numbered(Message(RecordDict(), 5, "train"), id)) for id in ids]

    found = list(Fetch(Torn([])).arrived(["a", "bad", "c"], PLENTY))
    assert [each.id for each in found if isinstance(each, Undelivered)] == ["bad"]
    assert [each.metadata.reply_to_message_id for each in found if isinstance(each, Message)] == ["a", "c"]
    assert list(Fetch(Torn([])).arrived([], PLENTY)) == []


def federation(bent: Callable[[Array], Array] | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a guarded app comes to through Flower's Grid, ten nodes, one of which packs an array in its own way or is silent."""
    honest, into, events = client_app(), {}, []

    def odd(message: Message, context: Context) -> Message | None:
        if bent is None:
            return None
        reply = honest(message, context)
        for record in reply.content.array_records.values():
            record["w"] = bent(record["w"])
        return reply

    nodes = dict.fromkeys(range(100, 109), honest) | {109: odd}
    app = guard_app(
        server_app(rounds=2, into=into), read_policy("[round]\ntimeout-s = 0.2\n"), watchers=[rounds_into(events)]
    )
    with identified(7):
        app(connected(SuperLink(nodes)), Context(7, 1, {}, RecordDict(), {}))
    return into, events


@pytest.mark.parametrize(
    ("bent", "fate"),
    [
        (whole, ("counted", None)),
        (torn, ("refused", "malformed")),
        (lambda array: repeated(array, 10_000), ("refused", "too-many-bytes")),
        (None, ("absent", "failed")),
    ],
)
def test_through_flowers_own_grid_a_run_ends_well_whatever_a_node_packs(bent, fate):
    into, events = federation(bent)
    assert [found[0] for found in named(events, "node-109")] == [fate[0]] * 2
    assert named(events, "node-109")[0][1] == fate[1]
    others = [row["status"] for event in events for row in event.get("clients", ()) if row["client"] != "node-109"]
    assert others.count("counted") >= 14 and set(others) <= {"counted", "dropped"}
    expected, _ = federation(whole)
    assert all(np.allclose(into["model"][name], expected["model"][name], atol=0.02) for name in MODEL)
