"""The geometry of curves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.report import chart
from mithridate.report.reading import read
from tests.report import runs


@pytest.fixture
def three(tmp_path):
    return runs.three_facts(tmp_path).runs


def test_accuracy_and_attack_success_share_their_axes(three):
    accuracy, asr = chart.panels(three)
    assert (accuracy.title, asr.title) == ("Accuracy", "Attack success")
    assert accuracy.x_ticks == asr.x_ticks
    assert accuracy.y_ticks == asr.y_ticks
    assert accuracy.edges == asr.edges


def test_without_a_backdoor_there_is_no_panel_for_it(three):
    assert [panel.title for panel in chart.panels(three[:1])] == ["Accuracy"]


def test_nothing_measured_gives_no_panel(tmp_path):
    def unmeasured(event):
        return event | {"accuracy": None}

    assert chart.panels(read([runs.write(tmp_path, "a", change=unmeasured)]).runs) == ()


def test_heights_follow_the_values(three):
    line = {line.label: line for line in chart.panels(three)[1].lines}["unguarded"]
    panel = chart.panels(three)[1]
    assert line.last[1] == pytest.approx(panel.floor - 0.98 * (panel.floor - panel.ceiling), abs=0.1)
    assert line.last[0] == panel.edges[1]
    assert line.path.count("L") == runs.ROUNDS - 1


def test_the_first_lie_is_marked(three):
    onset = chart.panels(three)[0].onset
    assert onset is not None
    assert onset[1] == 3  # round 2 of the journal
    assert chart.panels(three[:1])[0].onset is None


def test_the_clean_run_is_drawn_on_top(three):
    assert [line.label for line in chart.panels(three)[0].lines] == ["unguarded", "guarded", "clean"]


def test_labels_do_not_overlap_and_stay_inside(three):
    many = three * 4
    heights = sorted(line.label_y for line in chart.panels(many)[0].lines)
    assert all(b - a >= 16.9 for a, b in pairwise(heights))
    assert heights[0] >= 0
    assert heights[-1] <= chart.HEIGHT


def test_every_point_of_the_plot_belongs_to_one_moment(three):
    panel = chart.panels(three)[0]
    assert panel.moments[0].left == panel.edges[0]
    for one, two in pairwise(panel.moments):
        assert one.left + one.width == pytest.approx(two.left)
    last = panel.moments[-1]
    assert last.left + last.width == pytest.approx(panel.edges[1])


def test_guards_get_different_colours_and_the_others_their_own(tmp_path, three):
    second = read([runs.write(tmp_path, "second", attacked=True, guarded=True)]).runs
    assert chart.tones(three + second) == ("hue-clean", "hue-bare", "hue-1", "hue-2")


def test_one_round_is_a_point_that_can_be_seen(tmp_path):
    (line,) = chart.panels(read([runs.write(tmp_path, "a", rounds=1)]).runs)[0].lines
    assert line.path.endswith("h0.01")


@given(st.integers(1, 3000), st.integers(2, 200))
def test_a_sample_is_small_and_keeps_both_ends(total, most):
    found = chart.sampled(range(total), most)
    assert len(found) <= most + 1
    assert (found[0], found[-1]) == (0, total - 1)


@pytest.mark.parametrize("rounds", [1, 2, 7, 20, 100, 999])
def test_ticks_are_few_round_numbers(rounds):
    ticks = chart._round_ticks(rounds - 1)
    assert ticks[0] == 0
    assert len(ticks) <= 8
    assert all(b > a for a, b in pairwise(ticks))


def test_ticks_are_labelled_as_people_count(tmp_path):
    panel = chart.panels(read([runs.write(tmp_path, "a", rounds=20)]).runs)[0]
    assert [text for _, text in panel.x_ticks] == ["1", "5", "10", "15", "20"]
    assert (panel.moments[0].number, panel.moments[-1].number) == (1, 20)


def test_the_base_rate_is_drawn_beside_the_success_rate(tmp_path, three):
    assert not any(line.base for panel in chart.panels(three) for line in panel.lines)

    def with_base(event):
        return event | {"base_rate": 0.5}

    run = read([runs.write(tmp_path, "a", attacked=True, change=with_base)]).runs[0]
    accuracy, asr = chart.panels([run])
    assert not accuracy.lines[0].base
    middle = (asr.floor + asr.ceiling) / 2
    heights = {point.split()[1] for point in asr.lines[0].base.lstrip("M").split("L")}
    assert heights == {f"{middle:.1f}"}
    assert asr.lines[0].base.count("L") == runs.ROUNDS - 1
