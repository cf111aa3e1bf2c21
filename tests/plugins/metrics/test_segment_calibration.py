"""The slope per segment: right where claims hold, below one where they are spread too far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.metrics.segment_calibration import SegmentCalibration

from causalkit.components import Context
from causalkit.types import Column, Dataset, Effects, Estimand, Outputs, Schema, Table

ITEMS, WEEKS, SEGMENTS = 40, 16, ("new", "old")


def planted(seed: int = 3) -> tuple[Dataset, pd.DataFrame]:
    """Rows of item × week × segment, and the planted effect of each item in each segment."""
    rng = np.random.default_rng(seed)
    grid = pd.MultiIndex.from_product([range(ITEMS), range(WEEKS), SEGMENTS], names=["item", "week", "segment"])
    rows = grid.to_frame(index=False)
    calendar = rng.permuted(np.tile(np.arange(WEEKS) % 2, (ITEMS, 1)), axis=1)
    rows["shown"] = calendar[rows["item"], rows["week"]]
    effect = pd.DataFrame(rng.normal(0.2, 0.1, (ITEMS, 2)), columns=list(SEGMENTS))
    own = effect.to_numpy()[rows["item"], rows["segment"].eq("old").astype(int)]
    rows["sales"] = 1 + own * rows["shown"] + rng.normal(0, 0.05, len(rows))
    rows["n"] = 100
    for name in ("item", "segment"):
        rows[name] = rows[name].astype("category")
    columns = (
        Column("item", "item", "categorical"),
        Column("week", "time", "time"),
        Column("segment", "segment", "categorical"),
        Column("shown", "treatment", "binary", 2),
        Column("sales", "outcome", "continuous", 4),
        Column("n", "weight", "count"),
    )
    items = pd.DataFrame(index=pd.RangeIndex(ITEMS, name="item"))
    return Dataset(Table(rows), Schema(columns, ("item", "week")), items), effect


def outputs(test: Dataset, effect: pd.DataFrame, stretch: float) -> Outputs:
    """A run that claims the planted effects, stretched around their mean."""
    claimed = effect.mean().mean() + stretch * (effect - effect.mean().mean())
    long = claimed.rename_axis("item").reset_index().melt("item", var_name="segment", value_name="effect")
    item = pd.DataFrame({"effect": claimed.mean(axis=1), "stderr": 0.01, "status": "estimated"})
    estimand = Estimand("shown", "sales", "att", ("item", "week"))
    return Outputs(
        training=test,
        estimand=estimand,
        estimator=Panel(),
        effects=Effects(item=item, segment=long.assign(stderr=0.01)),
    )


@pytest.mark.parametrize(("stretch", "slope"), [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)])
def test_the_slope_is_one_over_how_far_claims_are_stretched(stretch: float, slope: float) -> None:
    test, effect = planted()
    found = SegmentCalibration().measure(outputs(test, effect, stretch), test, context=Context(root_seed=1))
    assert found.lower < slope < found.upper
    assert found.value == pytest.approx(slope, rel=0.1)
    assert found.n == 2 * ITEMS
    assert set(found.details["segment"]) == set(SEGMENTS)


def test_a_log_whose_periods_are_not_redrawn_still_has_its_slope() -> None:
    test, effect = planted()
    alone = replace(test, schema=replace(test.schema, assignment=()))
    found = SegmentCalibration().measure(outputs(alone, effect, 1.0), alone, context=Context(root_seed=1))
    assert found.value == pytest.approx(1.0, rel=0.1)
    assert found.lower < 1 < found.upper
    assert "taken as independent" in found.note


def test_a_run_without_segments_says_so() -> None:
    test, effect = planted()
    without = outputs(test, effect, 1.0)
    bare = Outputs(training=test, estimand=without.estimand, effects=Effects(item=without.effects.item))
    found = SegmentCalibration().measure(bare, test)
    assert np.isnan(found.value)
    assert found.note == "no effects are claimed per segment of the rows"


def test_refuted_items_are_left_out() -> None:
    test, effect = planted()
    made = outputs(test, effect, 1.0)
    made.effects.item.loc[:9, "status"] = "refuted"
    assert SegmentCalibration().measure(made, test, context=Context()).n == 2 * (ITEMS - 10)
