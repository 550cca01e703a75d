"""What passes through a Grid around a Grid."""

from __future__ import annotations

import inspect

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from mithridate.flower.around import AroundGrid
from mithridate.flower.local import LocalGrid, LocalNode
from mithridate.flower.private import empty_run, identified
from tests.flower.federation import client_app


def test_nothing_of_a_grid_is_left_out():
    public = {name for name, _ in inspect.getmembers(Grid) if not name.startswith("_")}
    assert public <= vars(AroundGrid).keys()


def test_everything_is_the_inner_grids():
    inner = LocalGrid([LocalNode(client_app(), 5)], run_id=3)
    around = AroundGrid(inner)
    assert around.run is inner.run
    assert list(around.get_node_ids()) == [5]
    assert [node.node_id for node in around.get_nodes()] == [5]
    with identified(3):
        message = around.create_message(RecordDict(), "query", 5, "")
        (reply,) = around.send_and_receive([message])
        (id,) = around.push_messages([around.create_message(RecordDict(), "query", 5, "")])
        (other,) = around.pull_messages([id])
    assert isinstance(reply, Message) and reply.metadata.src_node_id == other.metadata.src_node_id == 5
    around.set_run(empty_run(9))
    assert inner.run.run_id == 9
