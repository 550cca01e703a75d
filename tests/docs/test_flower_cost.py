"""The page on the guard's cost says what the committed runs say, misses included."""

from __future__ import annotations

import json

from bench.flower_page import AIM, MANY, PAGE, ROUNDS, page

FOUND, CROWD = (json.loads(path.read_text(encoding="utf-8")) for path in (ROUNDS, MANY))


def test_the_page_is_made_of_the_committed_runs():
    assert PAGE.read_text(encoding="utf-8") == page(FOUND, CROWD)


def test_every_miss_of_the_aim_is_told():
    ours = [row for row in FOUND["results"] if row["app"] == "guard multi-krum"]
    assert len(ours) == 8
    misses = sum(row[measure] > AIM for row in ours for measure in ("ratio", "cpu_ratio"))
    assert page(FOUND, CROWD).count("missed") == misses


def test_where_clients_train_the_aim_is_kept_at_every_size():
    trained = [row for row in FOUND["results"] if (row["work"], row["app"]) == ("train", "guard multi-krum")]
    assert len(trained) == 4
    assert all(row["ratio"] <= AIM for row in trained)


def test_ten_thousand_clients_fit_into_eight_gigabytes():
    assert {"median", "trimmed-mean", "multi-krum"} <= {row["rule"] for row in CROWD["results"]}
    assert all(row["peak_bytes"] < 8e9 and row["clients"] == 10_000 for row in CROWD["results"])
