"""Statistics over a matrix, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.report.comparison import compared
from mithridate.report.outcomes import Outcome


def cell(attack, defence, seed, accuracy, asr=None, **more):
    return Outcome(
        attack, defence, seed=seed, accuracy=accuracy, asr=asr,
        attacked=attack != "no attack", guarded=defence != "mean", **more,
    )  # fmt: skip


COUNTS = {
    "judged": {"liar": 10, "minority": 4, "honest": 20},
    "excluded": {"liar": 8, "minority": 3, "honest": 1},
    "names_clients": True,
}
MATRIX = [
    cell("no attack", "mean", 1, 0.95, guard_s=0.001),
    cell("no attack", "mean", 2, 0.93),
    cell("no attack", "krum", 1, 0.91, guard_s=0.003),
    cell("no attack", "krum", 2, 0.87),
    cell("flip", "mean", 1, 0.50),
    cell("flip", "mean", 2, 0.40),
    cell("flip", "krum", 1, 0.90, guard_s=0.005, **COUNTS),
    cell("flip", "krum", 2, 0.86, **COUNTS | {"excluded": {"liar": 6, "minority": 1, "honest": 3}}),
    cell("patch", "mean", 1, 0.95, 1.0, base_rate=0.1),
    cell("patch", "mean", 2, 0.93, 0.9, base_rate=0.1),
    cell("patch", "krum", 1, 0.91, 0.3, base_rate=0.1),
    cell("patch", "krum", 2, 0.87, 0.1, base_rate=0.1),
]


def test_a_cell_is_the_mean_over_its_seeds():
    found = compared(MATRIX).cells["", "flip", "krum"]
    assert found.accuracy.mean == pytest.approx(0.88)
    assert (found.accuracy.low, found.accuracy.high) == (pytest.approx(0.86), pytest.approx(0.90))
    assert found.caught.mean == pytest.approx(0.7)  # 8 of 10, 6 of 10
    assert found.honest_excluded.mean == pytest.approx(0.1)  # 1 of 20, 3 of 20
    assert found.minority_excluded.mean == pytest.approx(0.5)  # 3 of 4, 1 of 4
    assert found.guard_s == pytest.approx(0.005)
    assert (found.asr, found.state, found.missing) == (None, "finished", 0)


def test_damage_is_the_worse_of_lost_accuracy_and_lift():
    cells = compared(MATRIX).cells
    assert cells["", "flip", "mean"].damage.mean == pytest.approx(((0.95 - 0.50) + (0.93 - 0.40)) / 2)
    assert cells["", "patch", "mean"].damage.mean == pytest.approx((0.9 + 0.8) / 2)
    # seed 1: lift .2 > lost .04; seed 2: lift 0 < lost .06
    assert cells["", "patch", "krum"].damage.mean == pytest.approx((0.2 + 0.06) / 2)
    assert cells["", "no attack", "mean"].damage.mean == 0


def test_defences_stand_by_their_worst_case():
    krum, mean = compared(MATRIX).standings
    assert (krum.defence, mean.defence) == ("krum", "mean")
    assert (mean.worst.attack, mean.worst_accuracy.attack, mean.worst_asr.attack) == ("patch", "flip", "patch")
    assert krum.worst.attack == "patch"
    assert krum.worst_accuracy.accuracy.mean == pytest.approx(0.88)
    assert krum.mean_accuracy == pytest.approx((0.88 + 0.89) / 2)
    assert krum.cost.mean == pytest.approx(((0.95 - 0.91) + (0.93 - 0.87)) / 2)
    assert mean.cost.mean == 0
    assert krum.guard_s == pytest.approx((0.005 + 0.003) / 2)
    assert (krum.cells, krum.missing) == (6, 0)


def test_an_average_does_not_hide_the_attack_that_breaks_a_defence():
    steady = [cell(f"a{k}", "steady", 1, 0.80) for k in range(10)]
    brittle = [cell(f"a{k}", "brittle", 1, 0.10 if k == 7 else 0.95) for k in range(10)]
    first, second = compared([*brittle, *steady]).standings
    assert (first.defence, second.defence) == ("steady", "brittle")
    assert second.mean_accuracy > first.mean_accuracy
    assert second.worst.attack == "a7"
    assert second.worst.damage.mean == pytest.approx(0.9)  # no run without liars: the reference is 1


def test_a_duel_is_paired_by_attack_and_seed():
    found = compared(MATRIX).duel("krum", "mean")
    # flip: +.40 +.46, patch: -.04 -.06
    assert found.accuracy.mean == pytest.approx((0.40 + 0.46 - 0.04 - 0.06) / 4)
    assert found.accuracy.values == 4
    # damage of krum: .05 .07 .2 .06; of the mean: .45 .53 .9 .8
    assert found.damage.mean == pytest.approx((0.05 + 0.07 + 0.2 + 0.06 - 0.45 - 0.53 - 0.9 - 0.8) / 4)
    assert (found.wins, found.ties, found.losses) == (4, 0, 0)
    assert found.damage.certain
    back = compared(MATRIX).duel("mean", "krum")
    assert back.damage.mean == pytest.approx(-found.damage.mean)
    assert (back.wins, back.losses) == (0, 4)


def test_only_what_both_have_is_compared():
    gaps = [
        replace(each, state="crashed", accuracy=None) if each.seed == 2 and each.defence == "krum" else each
        for each in MATRIX
    ]
    assert compared(gaps).duel("krum", "mean").accuracy.values == 2
    assert compared([]).standings == ()


def test_a_cell_is_as_bad_as_its_worst_seed():
    found = compared(
        [*MATRIX, Outcome("flip", "krum", seed=3, state="crashed"), Outcome("flip", "mean", seed=3, state="not run")]
    )
    assert found.cells["", "flip", "krum"].state == "crashed"
    assert found.cells["", "flip", "mean"].state == "not run"
    assert found.cells["", "flip", "krum"].missing == 1
    assert [(each.defence, each.missing) for each in found.standings] == [("krum", 1), ("mean", 1)]


def test_a_defence_without_figures_stands_last():
    found = compared([Outcome("flip", "new", seed=1, state="not run"), *MATRIX])
    assert [each.defence for each in found.standings] == ["krum", "mean", "new"]
    assert found.standings[-1].worst is None
    assert found.attacks == ("no attack", "flip", "patch")


def test_a_model_that_diverged_is_worth_nothing():
    found = compared([*MATRIX, cell("flip", "krum", 3, 0.0, state="diverged")]).cells["", "flip", "krum"]
    assert found.accuracy.mean == pytest.approx((0.90 + 0.86 + 0.0) / 3)
    assert (found.state, found.missing) == ("diverged", 0)
    # seed 3 has no run of its own without liars: the reference is the mean of the others, .94
    assert found.damage.mean == pytest.approx((0.05 + 0.07 + 0.94) / 3)


def test_conditions_are_kept_apart():
    other = [replace(each, condition="mnist", accuracy=each.accuracy - 0.1) for each in MATRIX]
    found = compared([*MATRIX, *other])
    assert found.conditions == ("", "mnist")
    assert found.cells["mnist", "flip", "mean"].damage.mean == pytest.approx(
        found.cells["", "flip", "mean"].damage.mean
    )
    assert found.standings[0].cells == 12


def test_an_unknown_defence_has_a_suggestion():
    with pytest.raises(ConfigurationError, match="no defence 'krun'; did you mean 'krum'"):
        compared(MATRIX).duel("krun", "mean")


@given(st.permutations(MATRIX))
def test_the_order_of_the_cells_changes_no_ranking(cells):
    found = [(each.defence, round(each.worst.damage.mean, 12)) for each in compared(cells).standings]
    assert found == [("krum", pytest.approx(0.13)), ("mean", pytest.approx(0.85))]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from("xy"),
            st.integers(1, 3),
            st.floats(0, 1),
            st.none() | st.floats(0, 1),
        )
    )
)
def test_damage_and_rates_stay_in_their_range(drawn):
    found = compared([cell(*each) for each in drawn])
    for figures in found.cells.values():
        assert 0 <= figures.damage.mean <= 1
        assert figures.accuracy.low is None or figures.accuracy.low <= figures.accuracy.mean <= figures.accuracy.high
    assert {each.defence for each in found.standings} == {defence for _, defence, *_ in drawn}


def voted(attack, seed, **more):
    return replace(cell(attack, "vote", seed, 0.9), guarded=False, models=5, procedures=frozenset({"ensemble"}), **more)


def test_what_is_certain_comes_from_the_run_without_liars_and_counts_as_many():
    calm = voted("no attack", 1, curve=(0.9, 0.7, 0.4))
    found = compared(
        [*MATRIX, calm, voted("flip", 1, curve=(0.8, 0.6), liars=2), voted("patch", 1, curve=(0.8,), liars=3)]
    )
    assert found.cells["", "flip", "vote"].certified.mean == pytest.approx(0.4)
    assert found.cells["", "patch", "vote"].certified.mean == 0.0  # three liars are more than it bears
    standing = next(each for each in found.standings if each.defence == "vote")
    assert (standing.certified, standing.models) == (pytest.approx(0.2), 5)
    alone = compared([voted("flip", 1, curve=(0.8, 0.6), liars=2)])
    assert alone.cells["", "flip", "vote"].certified is None


def test_a_procedure_is_a_defence_unless_it_stands_beside_all():
    assert compared([*MATRIX, voted("no attack", 1)]).plain == {"mean"}
    everywhere = [replace(each, procedures=frozenset({"rollback"})) for each in MATRIX]
    assert compared(everywhere).plain == {"mean"}
    assert compared([voted("no attack", 1), voted("flip", 1)]).plain == frozenset()
