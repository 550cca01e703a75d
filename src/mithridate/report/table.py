"""A small table of a page: what is in it is worked out elsewhere, how much of it a page can bear is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MOST_ROWS", "Table", "cut"]

MOST_ROWS = 80


@dataclass(frozen=True)
class Table:
    """Rows in words; the first cell names the row.

    Args:
        head: The columns' names.
        rows: The worst first.
        title: What it lists.
        numbers: Which columns hold numbers.
        more: Rows that are left out for want of space, none worse than those shown.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str
    numbers: tuple[int, ...] = ()
    more: int = 0


def cut(head: Sequence[str], rows: Sequence[Sequence[str]], title: str, numbers: Sequence[int] = ()) -> Table:
    """A table of the first rows.

    >>> cut(("client",), [("c1",)] * 90, "clients").more
    10
    """
    shown = tuple(tuple(row) for row in rows[:MOST_ROWS])
    return Table(tuple(head), shown, title, tuple(numbers), max(0, len(rows) - MOST_ROWS))
