"""Messages that the guard has no opinion on pass, and what comes back of them cannot stop the app."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict

from mithridate.flower.fetch import Fetch
from mithridate.flower.others import Others
from mithridate.flower.private import identified
from tests.flower.superlink import SuperLink, connected, torn


def answering(message: Message, context: Context) -> Message | None:
    """Node 2 packs what cannot be unpacked, node 3 says nothing."""
    arrays = ArrayRecord()
    arrays["w"] = Array(np.full(2, context.node_id))
    if context.node_id == 2:
        arrays["w"] = torn(arrays["w"])
    return None if context.node_id == 3 else Message(RecordDict({"arrays": arrays}), reply_to=message)


@pytest.fixture
def others() -> Any:
    grid, seconds = connected(SuperLink(dict.fromkeys((1, 2, 3), answering))), itertools.count()
    slept: list[float] = []
    return Others(grid, Fetch(grid), lambda: float(next(seconds)), slept.append), slept


def questions(*nodes: int) -> list[Message]:
    with identified(7):
        return [Message(RecordDict(), node, "query") for node in nodes]


def told(replies: list[Message]) -> dict[str, Any]:
    return {
        reply.metadata.reply_to_message_id: reply.content["arrays"]["w"].numpy().tolist()
        if reply.has_content()
        else reply.error.reason.partition(":")[0]
        for reply in replies
    }


def test_good_answers_pass_and_a_torn_one_is_an_error(others):
    with identified(7):
        ids = others[0].send(questions(1, 2))
        assert told(others[0].arrived(ids)) == {ids[0]: [1, 1], ids[1]: "malformed"}
        assert others[0].arrived(ids) == []


def test_an_exchange_is_over_when_all_have_answered_or_the_time_is_up(others):
    with identified(7):
        assert sorted(map(str, told(others[0].exchanged(questions(1, 2), None)).values())) == ["[1, 1]", "malformed"]
        assert others[1] == []
        assert list(told(others[0].exchanged(questions(1, 3), 3.0)).values()) == [[1, 1]]
    assert others[1] == [1.0]
