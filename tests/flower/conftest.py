"""Logs are looked at here, and import-linter switches loggers off that it does not know."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def heard():
    for name in ("mithridate", "flwr"):
        logging.getLogger(name).disabled = False
    before = logging.getLogger("flwr").level
    logging.getLogger("flwr").setLevel(logging.ERROR)
    yield
    logging.getLogger("flwr").setLevel(before)
