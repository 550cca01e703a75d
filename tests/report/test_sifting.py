"""What sanitising took from the honest stands beside what it took from the poisoned."""

from __future__ import annotations

import pytest

from mithridate.report.reading import read
from mithridate.report.sifting import sifting
from tests.report import runs


def swept(event):
    """In every round c000 loses 1 of 10 clean samples, c001 4 of 10, and c002 1 of 5, with 3 of 5 poisoned ones."""
    clients = {"c000": [10, 0, 1, 0], "c001": [10, 0, 4, 0], "c002": [10, 5, 4, 3]}
    refused = {"c001": "holds NaN"} if event["round"] == 2 else {}
    return event | {"sanitised": {"clients": clients, "refused": refused}}


@pytest.fixture
def found(tmp_path):
    return sifting(read([runs.write(tmp_path, "a", attacked=True, rounds=4, change=swept)]).runs[0])


def test_samples_are_counted_once_per_round(found):
    assert (found.samples, found.poisoned, found.removed, found.caught) == (120, 20, 36, 12)
    # 12 of 20 poisoned are 60 %; 24 of the other 100 are 24 %.
    told = found.sentences[0].replace("\N{NO-BREAK SPACE}", " ")
    assert "12 of 20 poisoned samples (60.0 %), and 24 of 100 clean samples (24.0 %)" in told


def test_who_lost_the_greatest_part_of_clean_samples_stands_first(found):
    assert [row[0] for row in found.table.rows] == ["c001", "c002", "c000"]
    told = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in found.table.rows[1]]
    assert told == ["c002", "4 of 20 (20.0 %)", "12 of 20 (60.0 %)", "–"]
    assert found.table.rows[0][3] == "1"


def test_samples_that_could_not_be_judged_are_told(found):
    assert "1 time the samples could not be judged" in found.sentences[1]


def test_a_run_in_which_nobody_sanitises_has_none(tmp_path):
    assert sifting(read([runs.write(tmp_path, "a")]).runs[0]) is None


def test_a_client_whose_samples_are_all_poisoned_has_no_share_of_clean_ones(tmp_path):
    def poisoned(event):
        return event | {"sanitised": {"clients": {"c0": [3, 3, 1, 1]}}}

    found = sifting(read([runs.write(tmp_path, "a", rounds=1, change=poisoned)]).runs[0])
    assert found.table.rows[0][1] == "–"
