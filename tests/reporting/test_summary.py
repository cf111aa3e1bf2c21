from dataclasses import replace

import pytest

from causalkit.reporting.summary import answer, caveats, units_of, verdict_stands
from causalkit.reporting.view import DatasetFacts, LadderRow, ReportView, TextGain
from causalkit.reporting.words import Units
from causalkit.types import Measurement
from tests.reporting import sample


def weakens(view):
    return " | ".join(c.text for c in caveats(view) if c.level == "weakens")


def verdict(**changes):
    return replace(sample.verdicts()[0], **changes)


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({"estimate": 0.0, "lower": -0.001, "upper": 0.001, "rejected": 10, "tested": 200}, True),
        ({"estimate": 0.002, "lower": 0.001, "upper": 0.003, "rejected": 10, "tested": 200}, False),
        ({"estimate": 0.0, "lower": -0.001, "upper": 0.001, "rejected": 30, "tested": 200}, False),
        ({"estimate": 0.0, "lower": float("nan"), "upper": float("nan"), "rejected": 0, "tested": 0}, True),
    ],
)
def test_a_falsification_stands_when_zero_is_inside_and_rejections_are_near_nominal(changes, stands):
    assert verdict_stands(verdict(**changes)) is stands


def test_weightiest_first_and_the_failed_falsification_among_them():
    found = caveats(sample.view())
    levels = [c.level for c in found]
    assert levels == sorted(levels, key=lambda level: level != "weakens")
    assert "exposure-elsewhere reads +0.07" in weakens(sample.view())


def test_no_falsification_weakens():
    view = replace(sample.view(), verdicts=tuple(v for v in sample.verdicts() if v.sort == "software-check"))
    assert "no falsification ran" in weakens(view)


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (Measurement("calibration-slope", 0.2, -0.1, 0.5), "includes 0"),
        (Measurement("calibration-slope", 0.7, 0.5, 0.9), "claimed larger than they are held out"),
        (Measurement("calibration-slope", 0.9, 0.7, 1.1), ""),
    ],
)
def test_the_slope_is_judged_by_its_interval(slope, said):
    base = replace(sample.view(), slope=slope, verdicts=(verdict(),))
    if said:
        assert said in weakens(base)
    else:
        assert "held out" not in weakens(base)


def test_an_adjusted_interval_that_holds_the_naive_difference_weakens():
    rung = LadderRow("adjusted", "all", 0.02, 0.01, 0.03, 0.1, naive=0.025, main=True)
    assert "includes the naive difference" in weakens(replace(sample.view(), ladder=(rung,)))
    assert "includes the naive" not in weakens(sample.view())


def test_independent_rows_are_said_where_no_assignment_unit_is_named():
    assert "assumes independent rows" in weakens(replace(sample.view(), dataset=DatasetFacts("log")))


def test_text_that_does_not_help_is_said():
    view = replace(sample.view(), text=TextGain("lsa", 3, 4, 0.0060, 0.0056))
    assert any("did not lower the held-out error" in c.text for c in caveats(view))


def test_the_answer_without_an_average_and_without_effects():
    view = sample.view()
    assert "no average over items" in answer(replace(view, effects=replace(view.effects, pooled=None)))
    assert answer(ReportView(name="x")) == "No effect was estimated in this run."


def test_digits_follow_the_width_of_the_intervals():
    assert units_of(sample.view()).digits == 2
    assert Units.fitting("rows", [0.4]).digits == 1
    assert Units.fitting("rows", [0.00002]).digits == 3
    assert Units.fitting("rows", []).digits == 2


def test_later_rows_that_follow_the_claims_less_weaken_the_answer():
    view = sample.view()
    assert "Later rows, never tuned on, follow the claims less (slope 0.55, 0.10 to 0.95)." in weakens(view)
    steady = Measurement("calibration-slope", 0.9, 0.7, 1.1, 180, "uplift")
    assert "Later rows" not in weakens(replace(view, transport=(steady,)))
    assert "Later rows" not in weakens(replace(view, transport=()))


def test_the_view_finds_claimed_effects_and_slope_among_the_measurements():
    view = sample.view()
    table, other = view.claimed, Measurement("calibration-slope", 0.1, of="popularity")
    own = Measurement("calibration-slope", 0.9, of="uplift", details=table)
    found = replace(view, claimed=None, slope=None, measurements=(other, own))
    assert found.calibration is own
    assert found.claimed_table is table
    assert replace(found, measurements=()).claimed_table is None
