"""A SuperLink in miniature: Flower's own Grid, packing and unpacking without a network; and what no honest node packs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import httpx
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_to_proto
from flwr.proto.message_pb2 import ConfirmMessageReceivedResponse, PullObjectResponse, PushObjectResponse
from flwr.proto.node_pb2 import NodeInfo
from flwr.proto.runtime_pb2 import GetNodesResponse, PullAppMessagesResponse, PushAppMessagesResponse
from flwr.supercore.constant import HEAD_BODY_DIVIDER
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree, iterate_object_tree
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.superlink.grid.http_grid import HttpGrid

from mithridate.flower.local import Client
from mithridate.flower.private import empty_run, identified, numbered

__all__ = ["SuperLink", "connected", "repeated", "torn", "whole"]


def packed_otherwise(array: Array, body: Callable[[bytes], bytes]) -> Array:
    """An array whose packed form has a head as it should be, and another body."""

    class Bent(Array):
        def deflate(self) -> bytes:
            head, _, rest = super().deflate().partition(HEAD_BODY_DIVIDER)
            bent = body(rest)
            return re.sub(rb"\d+$", b"%d" % len(bent), head) + HEAD_BODY_DIVIDER + bent

    Bent.__qualname__ = "Array"
    return Bent(array.dtype, array.shape, array.stype, array.data)


def torn(array: Array) -> Array:
    return packed_otherwise(array, lambda body: b"\xff\xfe nothing to unpack")


def repeated(array: Array, times: int) -> Array:
    """An array that names its one part many times."""
    return packed_otherwise(array, lambda body: json.dumps(json.loads(body) | {"arraychunk_ids": [0] * times}).encode())


def whole(array: Array) -> Array:
    return array


class SuperLink:
    """Takes instructions, has nodes work on them, holds replies and hands each out once; counts what it is asked.

    Args:
        nodes: The clients, by node id; what they answer is packed as a SuperNode packs it.
    """

    def __init__(self, nodes: Mapping[int, Client] | None = None) -> None:
        self.nodes = dict(nodes or {})
        self.waiting: list[Any] = []
        self.replies: list[tuple[str, Any, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.down = ""

    def bring(self, answers: str, arrays: dict[str, Array], without: int = 0) -> dict[str, bytes]:
        """A node's reply arrives; its last objects do not come with it and are returned."""
        with identified(7, 5):
            instruction = numbered(Message(RecordDict(), 5, "train"), answers)
            content = RecordDict({"arrays": ArrayRecord(), "metrics": MetricRecord({"num-examples": 3})})
            for name, array in arrays.items():
                content["arrays"][name] = array
            return self._taken(Message(content, reply_to=instruction), without)

    def _taken(self, reply: Message, without: int = 0) -> dict[str, bytes]:
        packed = {id: each.deflate() for id, each in get_all_nested_objects(reply).items()}
        answers = reply.metadata.reply_to_message_id
        numbered(reply, reply.object_id)
        self.replies.append((answers, message_to_proto(remove_content_from_message(reply)), get_object_tree(reply)))
        late = dict(list(packed.items())[:without])
        self.objects |= packed | dict.fromkeys(late, b"")
        return late

    def _worked(self) -> None:
        """Every node answers what it was told."""
        for proto in self.waiting:
            id, node = proto.metadata.message_id, proto.metadata.dst_node_id
            message = numbered(cast("Message", inflate_object_from_contents(id, dict(self.objects))), id)
            with identified(7, node):
                reply = self.nodes[node](message, Context(7, node, {"partition-id": node}, RecordDict(), {}))
            if reply is not None:
                self._taken(reply)
        self.waiting = []

    def _reached(self) -> None:
        if self.down:
            raise httpx.ConnectError(self.down)

    def PullMessages(self, request: Any) -> PullAppMessagesResponse:  # noqa: N802 - as Flower calls it
        self._reached()
        self._worked()
        due = [reply for reply in self.replies if reply[0] in request.message_ids]
        self.replies = [reply for reply in self.replies if reply not in due]
        return PullAppMessagesResponse(
            messages_list=[proto for _, proto, _ in due], message_object_trees=[tree for _, _, tree in due]
        )

    def PullObject(self, request: Any) -> PullObjectResponse:  # noqa: N802 - as Flower calls it
        self._reached()
        self.asked.append(request.object_id)
        found = self.objects.get(request.object_id)
        return PullObjectResponse(
            object_found=found is not None, object_available=bool(found), object_content=found or b""
        )

    def ConfirmMessageReceived(self, request: Any) -> ConfirmMessageReceivedResponse:  # noqa: N802 - as Flower calls it
        return ConfirmMessageReceivedResponse()

    def GetNodes(self, _: Any) -> GetNodesResponse:  # noqa: N802 - as Flower calls it
        return GetNodesResponse(nodes=[NodeInfo(node_id=id) for id in self.nodes])

    def PushMessages(self, request: Any) -> PushAppMessagesResponse:  # noqa: N802 - as Flower calls it
        self.waiting += list(request.messages_list)
        parts = {part.object_id for tree in request.message_object_trees for part in iterate_object_tree(tree)}
        ids = [message.metadata.message_id for message in request.messages_list]
        return PushAppMessagesResponse(message_ids=ids, objects_to_push=sorted(parts), session_id="-")

    def PushObject(self, request: Any) -> PushObjectResponse:  # noqa: N802 - as Flower calls it
        self.objects[request.object_id] = request.object_content
        return PushObjectResponse(stored=True)


def connected(link: SuperLink) -> HttpGrid:
    """Flower's own Grid, which speaks to this SuperLink."""
    found = HttpGrid(token="-", insecure=True)  # noqa: S106 - nobody is asked
    found._client = link
    found.set_run(empty_run(7))
    return found
