"""One writer at a time."""

from __future__ import annotations

import os

import pytest

from mithridate.core.errors import StoreError
from mithridate.core.lock import taken


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path):
    first = taken(tmp_path / "lock")
    with pytest.raises(StoreError, match=f"written by process {os.getpid()} on .*: wait for it or stop it"):
        taken(tmp_path / "lock")
    first.close()
    taken(tmp_path / "lock").close()


def test_what_a_stranger_wrote_into_the_lock_is_printed_harmlessly(tmp_path):
    holder = taken(tmp_path / "lock")
    (tmp_path / "lock").write_bytes(b"\x1b[31m\xff" + b"x" * 10_000)
    with pytest.raises(StoreError) as caught:
        taken(tmp_path / "lock")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    holder.close()
