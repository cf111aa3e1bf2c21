import math
from xml.etree import ElementTree

import numpy as np
import pytest

from causalkit.reporting.charts import Line, histogram, row_chart, scatter
from causalkit.reporting.svg import Scale, element, tick_labels


def percent(value):
    return float(value.rstrip("%"))


def test_a_scale_runs_from_start_to_end_and_holds_zero():
    scale = Scale.over([0.2, 0.4])
    assert scale.low == 0
    assert scale.at(0) == 2
    assert scale.at(99) == 98
    assert Scale.over([math.nan]).high > Scale.over([]).low


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.0031, 0.0477), (-5e4, 2e5), (0.1, 0.1001)])
def test_ticks_are_round_within_the_scale_and_tell_apart(low, high):
    scale = Scale(low, high)
    labels = tick_labels(scale, factor=100)
    assert 1 <= len(labels) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick, _ in labels)
    assert len({text for _, text in labels}) == len(labels)


def test_marks_stand_where_their_values_are():
    chart = row_chart("c", [Line("a", 0.5, 0.25, 0.75)], head=("x", "y"), limits=(0.0, 1.0))
    svg = ElementTree.fromstring(chart.rows[0].plot)
    reach = next(e for e in svg.iter("line") if e.get("class").startswith("reach"))
    assert [percent(reach.get(k)) for k in ("x1", "x2")] == [26, 74]
    assert percent(next(svg.iter("circle")).get("cx")) == 50


def test_an_interval_beyond_the_scale_ends_in_an_arrow_at_the_edge():
    inside = row_chart("c", [Line("a", 0.5, 0.1, 0.9)], head=("x", "y"), limits=(0.0, 1.0)).rows[0].plot
    outside = row_chart("c", [Line("a", 0.5, 0.1, 7.0)], head=("x", "y"), limits=(0.0, 1.0)).rows[0].plot
    assert inside.count("<path") == 0
    assert outside.count("<path") == 1
    assert 'x2="98.00%"' in outside


def test_a_value_without_an_interval_or_at_all_draws_what_there_is():
    only = row_chart("c", [Line("a", 0.5), Line("b")], head=("x", "y"))
    assert only.rows[0].plot.count("<circle") == 1
    assert only.rows[1].plot.count("<circle") == 0
    assert "nan" not in only.rows[1].plot


def test_scatter_draws_known_points_identity_and_slope():
    made = scatter(
        [0.1, 0.2, math.nan], [0.1, 0.3, 0.2], [0.01, 0.02, 0.01], slope=0.5, label="l", x_label="x", y_label="y"
    )
    svg = ElementTree.fromstring(made)
    assert sum(e.get("class") == "point" for e in svg.iter("circle")) == 2
    fitted = next(e for e in svg.iter("line") if e.get("class") == "fitted")
    identity = next(e for e in svg.iter("line") if e.get("class") == "identity")

    def steepness(line):
        return (float(line.get("y1")) - float(line.get("y2"))) / (percent(line.get("x2")) - percent(line.get("x1")))

    assert steepness(fitted) == pytest.approx(0.5 * steepness(identity), rel=0.05)
    assert "nan" not in made


def test_the_fitted_line_goes_through_the_weighted_mean():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.01, 80)
    y = 0.002 + 0.7 * x
    made = scatter(x, y, np.full(80, 0.001), slope=0.7, label="l", x_label="x", y_label="y")
    svg = ElementTree.fromstring(made)
    line = next(e for e in svg.iter("line") if e.get("class") == "fitted")
    (x0, y0), (x1, y1) = ((percent(line.get(f"x{i}")), float(line.get(f"y{i}"))) for i in "12")
    for point in (e for e in svg.iter("circle") if e.get("class") == "point"):
        at = y0 + (percent(point.get("cx")) - x0) / (x1 - x0) * (y1 - y0)
        assert float(point.get("cy")) == pytest.approx(at, abs=3)


def test_histogram_counts_every_item_once_and_marks_those_with_too_few():
    values = [0, 0, 1, 3, 4, 4, 9, math.nan]
    svg = ElementTree.fromstring(histogram(values, threshold=4, label="l", x_label="x", y_label="y"))
    bars = {bar.find("title").text: bar.get("class") for bar in svg.iter("rect")}
    counted = {title.split(": ")[0]: int(title.split(": ")[1]) for title in bars}
    assert counted == {"0": 2, "1": 1, "2": 0, "3": 1, "4": 2, "5": 0, "6": 0, "7": 0, "8": 0, "9": 1}
    assert [k for k, v in bars.items() if v == "bar few"] == ["0: 2", "1: 1", "2: 0", "3: 1"]
    wide = histogram([0, 3, 4, 5, 70], threshold=4, label="l", x_label="x", y_label="y")
    bars = {bar.find("title").text: bar.get("class") for bar in ElementTree.fromstring(wide).iter("rect")}
    assert sum(int(title.split(": ")[1]) for title, kind in bars.items() if kind == "bar few") == 2
    assert sum(int(title.split(": ")[1]) for title in bars) == 5
    assert histogram([], threshold=4, label="l", x_label="x", y_label="y").count("<rect")


def test_elements_escape_attributes_and_children():
    made = element("g", "</g><script>", element("b"), aria_label='"><script>')
    assert made == '<g aria-label="&#34;&gt;&lt;script&gt;">&lt;/g&gt;&lt;script&gt;<b></b></g>'
