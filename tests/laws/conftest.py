"""What the laws share."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture
def uncollected():
    """Without the collector of cycles, what is not referred to any more goes at once, and what refers to itself stays."""
    gc.disable()
    yield
    gc.enable()
