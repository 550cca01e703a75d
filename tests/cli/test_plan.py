"""Plans: which cells are known, and what the rest will cost."""

from __future__ import annotations

import pytest

from mithridate.cli.axes import variants
from mithridate.cli.documents import Document
from mithridate.cli.plan import begun, estimated, kept, known_fields, planned
from mithridate.cli.worker import computed
from mithridate.sim.ensemble import members
from mithridate.sim.scenario import dump_scenario
from mithridate.store.cells import Cells
from mithridate.store.plans import read_plan
from tests.cli.command import SCENARIO


def plan(cells, table="seed = [1, 2, 3]"):
    return planned(variants(Document.of(f"{SCENARIO}\n[sweep]\n{table}\n", "sweep.toml")), cells)


def play(cell, cells):
    text = dump_scenario(cell.variant.scenario)
    return computed({"key": cell.key, "scenario": text, "axes": {}, "root": str(cells.root), "threads": 1})


def test_equal_variants_are_one_cell(tmp_path):
    assert len(plan(Cells(tmp_path), "seed = [1, 1, 2]")) == 2


def test_a_sweep_records_no_rounds_unless_the_file_says_so(tmp_path):
    assert not plan(Cells(tmp_path))[0].variant.scenario.record
    document = Document.of(f"record = true\n{SCENARIO}\n[sweep]\nseed = [1]\n", "sweep.toml")
    assert variants(document)[0].scenario.record


def test_what_is_remembered_of_a_cell_is_what_was_said_of_it(tmp_path):
    cells = Cells(tmp_path)
    cell = plan(cells)[0]
    fresh = play(cell, cells)
    known = known_fields(cells.find(cell.key))
    assert known == {name: fresh[name] for name in known}
    assert plan(cells)[0].status == "finished"


def test_the_cost_is_taken_from_finished_cells(tmp_path):
    cells = Cells(tmp_path)
    seconds = [play(cell, cells)["seconds"] for cell in plan(cells)[:2]]
    found = estimated(plan(cells), cells, jobs=8)
    assert (found.cells, found.known, found.jobs, found.measured) == (3, 2, 1, "2 finished cells")
    assert found.cell_s == pytest.approx(sum(seconds) / 2)
    assert found.left_s == pytest.approx(found.cell_s)


def test_without_finished_cells_a_few_rounds_are_timed_and_nothing_is_kept(tmp_path):
    cells = Cells(tmp_path / "cells")
    found = estimated(plan(cells), cells, jobs=2)
    assert (found.known, found.measured) == (0, "3 rounds of 3 cells")
    assert 0 < found.cell_s < 5
    assert found.left_s == pytest.approx(3 * found.cell_s / 2)
    assert not (tmp_path / "cells").exists()


def test_a_cell_that_cannot_be_played_costs_next_to_nothing(tmp_path):
    cells = Cells(tmp_path)
    found = estimated(plan(cells, 'clients.partition = [{ name = "dirichlet", least = 100 }]'), cells, jobs=1)
    assert found.cell_s < 1


def test_of_finished_cells_nothing_is_left(tmp_path):
    cells = Cells(tmp_path)
    for cell in plan(cells, "seed = [1]"):
        play(cell, cells)
    found = estimated(plan(cells, "seed = [1]"), cells, jobs=4)
    assert (found.cell_s, found.left_s, found.measured) == (None, 0.0, "nothing is left")


def test_the_plan_is_written_down_in_its_order(tmp_path):
    cells = Cells(tmp_path / "cells")
    found = plan(cells, 'seed = [2, 1]\nguard.rule = ["median", "mean"]\nclients.count = [6]')
    kept(found, cells)
    written = read_plan(tmp_path / "cells")
    assert [(each.attack, each.defence, each.condition, each.seed) for each in written] == [
        ("sign-flip", rule, "count 6", seed) for seed in (2, 1) for rule in ("median", "mean")
    ]
    assert [each.key for each in written] == [cell.key for cell in found]


def test_a_cell_is_begun_once(tmp_path):
    cells = Cells(tmp_path)
    cell = plan(cells)[0]
    with begun(cell.variant.scenario, cell.key, {"seed": 1}, cells) as first:
        assert first.manifest["axes"] == {"seed": 1}
    with begun(cell.variant.scenario, cell.key, {"seed": 9}, cells) as second:
        assert second.manifest == first.manifest


def test_an_ensemble_costs_as_many_models_as_it_has(tmp_path):
    cells = Cells(tmp_path)
    both = plan(cells, 'guard = ["mean"]\nensemble = [{ groups = 1 }, { groups = 3 }]')
    assert [cell.models for cell in both] == [1, len(members(both[1].variant.scenario))]
    one = play(both[0], cells)
    found = estimated(plan(cells, 'guard = ["mean"]\nensemble = [{ groups = 1 }, { groups = 3 }]'), cells, jobs=1)
    assert (found.known, found.measured, found.models) == (1, "3 rounds of 1 cells", both[1].models)
    assert one["ensemble"]["models"] == 1
    known = known_fields(cells.find(both[0].key))
    assert known == {name: one[name] for name in known}
