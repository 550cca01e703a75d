"""The deployment page names the endpoints that Flower's SuperNodes call, and no others."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
ALLOWED = re.findall(r"\^/v1/fleet/\(([a-z|-]+)\)\$", PAGE)
UNKEYED = {"register-node", "unregister-node"}
"""For SuperNodes without a registered key; left out on purpose."""


def test_both_proxies_let_the_same_endpoints_pass():
    assert len(ALLOWED) == 2
    assert ALLOWED[0] == ALLOWED[1]


def test_these_are_what_a_supernode_calls():
    client = pytest.importorskip("flwr.supernode.fleet_http_client")
    called = set(re.findall(r"/v1/fleet/([a-z-]+)", inspect.getsource(client)))
    assert set(ALLOWED[0].split("|")) == called - UNKEYED
    assert called >= UNKEYED


def test_a_body_holds_an_object_of_flowers():
    constant = pytest.importorskip("flwr.common.constant")
    (limit,) = re.findall(r"client_max_body_size (\d+)m", PAGE)
    assert int(limit) * 2**20 >= constant.FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE + 2**20


def test_every_finding_that_the_doctor_sends_here_for_is_answered():
    assert "Control API" in PAGE
    assert "127.0.0.1" in PAGE
