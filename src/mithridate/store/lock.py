"""The lock of `mithridate.core.lock`, by the name that run folders know."""

from __future__ import annotations

from mithridate.core.lock import taken

__all__ = ["taken"]
