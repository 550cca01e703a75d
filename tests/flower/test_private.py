"""The private names of Flower that one module uses: there, and doing what is expected of them."""

from __future__ import annotations

import ast

import pytest
from flwr.app import Error, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from mithridate.flower import private
from mithridate.flower.private import empty_run, identified, message_like, numbered, working_as
from tests.shape.tree import SOURCE

PUBLIC = {"flwr.app", "flwr.clientapp", "flwr.clientapp.mod", "flwr.serverapp", "flwr.serverapp.strategy"}


def test_only_one_module_uses_private_names():
    for path in SOURCE.rglob("*.py"):
        modules = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
            elif isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
        odd = {name for name in modules if name.split(".")[0] == "flwr"} - PUBLIC
        assert not odd or path.name == "private.py", f"{path.name} imports {odd}"


def test_an_identity_lasts_as_long_as_it_is_needed():
    before = working_as()
    with identified(7, 3):
        assert (TaskIdentity.run_id, TaskIdentity.node_id) == (7, 3)
        with identified(8):
            assert working_as() == 8
        assert working_as() == 7
    assert working_as() == before


def test_a_message_is_made_like_another():
    with identified(7):
        message = numbered(Message(RecordDict(), 5, "train", group_id="g"), "m-1")
    other = message_like(message, RecordDict(), src_node_id=9)
    assert (other.metadata.message_id, other.metadata.src_node_id, other.metadata.run_id) == ("m-1", 9, 7)
    assert (other.metadata.dst_node_id, other.metadata.group_id) == (5, "g")
    assert message.metadata.src_node_id == 1
    failed = message_like(message, error=Error(3, "gone"))
    assert failed.has_error()
    assert not failed.has_content()
    assert message_like(failed).error.code == 3
    reply = Message(RecordDict(), reply_to=message)
    assert reply.metadata.reply_to_message_id == "m-1"


def test_an_empty_run_has_its_number():
    assert empty_run(12).run_id == 12


@pytest.mark.parametrize("name", private.__all__)
def test_every_name_is_there(name):
    assert getattr(private, name) is not None
