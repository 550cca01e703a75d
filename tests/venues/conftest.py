"""Flower tells of every round; here only what goes wrong is of interest. The app beside is run, not collected."""

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


collect_ignore = ["app"]
