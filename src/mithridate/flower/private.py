"""Every name that Flower does not call public, in this one file: a new version of Flower is checked here and nowhere else.

Holds for flwr 1.38 to 1.42, whose `flwr.app` and `flwr.serverapp` are the same files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import httpx
from flwr.app import Array, Error, Message, Metadata, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, PullAppMessagesResponse
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_object import get_object_body, get_object_head_values_from_object_content
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

__all__ = [
    "LOGGER",
    "NUMPY",
    "ROUND_BEGINS",
    "SERVER_NODE",
    "TRANSPORT",
    "NodeInfo",
    "Run",
    "connection",
    "empty_run",
    "identified",
    "listed",
    "message_like",
    "numbered",
    "pulled_through",
    "unpacked_bytes",
    "working_as",
]

NUMPY = "numpy.ndarray"
"""What an `Array` says of itself when its data are those of `numpy.save`."""

SERVER_NODE = 1
"""The node id of the SuperLink, under which it reports failures of others."""


LOGGER = "flwr"
"""The name of Flower's logger. Strategies log each aggregated `MetricRecord` as an argument of a message."""

ROUND_BEGINS = "[ROUND"
"""How the message begins that a strategy logs before each round, with its number and the number of rounds as arguments."""

TRANSPORT = (httpx.HTTPError, OSError)
"""What a Grid raises when the SuperLink cannot be reached or says no: nothing that a node has done."""

_HTTP_GRID = "flwr.superlink.grid.http_grid"


@contextmanager
def identified(run_id: int, node_id: int = SERVER_NODE) -> Iterator[None]:
    """For a while this process has the identity that `Message(...)` asks for; afterwards what it had before."""
    names = ("_run_id", "_node_id", "_task_id")
    before = {name: getattr(TaskIdentity, name) for name in names}
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = run_id, node_id, 1
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(TaskIdentity, name, value)


def working_as() -> int | None:
    """The run that this process works for; None outside any."""
    return TaskIdentity._run_id


def empty_run(run_id: int) -> Run:
    """A run of which nothing but the number is known."""
    return Run.create_empty(run_id)


def numbered(message: Message, message_id: str) -> Message:
    """Give a message its id, as the SuperLink does when it takes it."""
    message.metadata.__dict__["_message_id"] = message_id
    return message


def message_like(
    message: Message, content: RecordDict | None = None, error: Error | None = None, **metadata: object
) -> Message:
    """A message with some of its metadata changed and, if given, another content.

    Args:
        message: Stays as it is.
        content: The new content; with neither, that of the message.
        error: An error instead.
        metadata: What else changes, such as `src_node_id`.
    """
    old = message.metadata
    fields = (
        "run_id",
        "message_id",
        "src_node_id",
        "dst_node_id",
        "reply_to_message_id",
        "group_id",
        "created_at",
        "ttl",
    )
    kept = {name: getattr(old, name) for name in (*fields, "message_type", "src_task_id", "dst_task_id")} | metadata
    if content is None and error is None:
        content, error = (None, message.error) if message.has_error() else (message.content, None)
    made = Message.__new__(Message)
    data = Metadata(**kept)
    data.delivered_at = ""
    made.__dict__.update({"_metadata": data, "_content": content, "_error": error})
    return made


def connection(grid: Grid) -> Any | None:
    """A Grid's connection to a SuperLink; None for a Grid that has none."""
    module = sys.modules.get(_HTTP_GRID)  # its import takes a second, and who has such a Grid has it
    return grid._runtime_client if module is not None and isinstance(grid, module.HttpGrid) else None


def listed(connection: Any, message_ids: Sequence[str]) -> list[tuple[str, PullAppMessagesResponse]]:
    """Which replies the SuperLink holds: what each answers, and the SuperLink's word on it alone. It lists a reply only once."""
    found = connection.PullMessages(PullAppMessagesRequest(message_ids=message_ids))
    return [
        (
            message.metadata.reply_to_message_id,
            PullAppMessagesResponse(messages_list=[message], message_object_trees=[tree]),
        )
        for message, tree in zip(found.messages_list, found.message_object_trees, strict=True)
    ]


def pulled_through(grid: Grid, connection: Any, message_ids: Sequence[str]) -> list[Message]:
    """What a Grid that has a connection pulls when it has this one instead."""
    other: Any = copy(grid)
    other._client = connection
    return list(other.pull_messages(message_ids))


def unpacked_bytes(packed: Mapping[str, bytes]) -> int:
    """How many bytes of arrays some packed objects become, by object id: an array may name one and the same part many times.

    Raises:
        Exception: they are no packed objects.
    """
    total = 0
    for content in packed.values():
        kind, parts, _ = get_object_head_values_from_object_content(content)
        if kind == Array.__qualname__:
            sizes = [len(packed[part]) for part in parts]
            total += sum(sizes[place] for place in json.loads(get_object_body(content, Array))["arraychunk_ids"])
    return total
