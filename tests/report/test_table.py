"""A table shows what a page can bear."""

from __future__ import annotations

from mithridate.report.table import MOST_ROWS, cut


def test_what_is_cut_is_counted():
    found = cut(("client", "lost"), [(f"c{i}", str(i)) for i in range(MOST_ROWS + 3)], "clients", numbers=[1])
    assert (len(found.rows), found.more, found.numbers) == (MOST_ROWS, 3, (1,))
    assert found.rows[0] == ("c0", "0")


def test_a_short_table_is_whole():
    assert cut(("a",), [("x",)], "one").more == 0
