"""The file access of `mithridate.core.disk`, by the name that run folders know."""

from __future__ import annotations

from mithridate.core.disk import mapped, read, streamed, sync_folder, there, told, within, write

__all__ = ["mapped", "read", "streamed", "sync_folder", "there", "told", "within", "write"]
