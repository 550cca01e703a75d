"""Flower tells of every round, and of all that goes wrong on purpose here."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True, scope="package")
def quiet():
    logger = logging.getLogger("flwr")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
