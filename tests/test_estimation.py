"""Units and means of arms, against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalkit import Dataset, Schema
from causalkit.estimation import Units, arm_means
from causalkit.types import Column, Table

ITEM, ARM = np.array([0, 0, 0, 0, 1]), np.array([1, 1, 0, 0, 1])
OUTCOME, WEIGHT = np.array([3.0, 5.0, 1.0, 2.0, 7.0]), np.array([1.0, 3.0, 1.0, 1.0, 2.0])


def log(*unit: str) -> Dataset:
    columns = (
        Column("item", "item", "categorical"),
        Column("week", "time", "time"),
        Column("shown", "treatment", "binary"),
        Column("bought", "outcome"),
        Column("people", "weight"),
    )
    values = {"item": pd.Categorical(ITEM), "week": [0, 0, 0, 1, 0], "shown": ARM, "bought": OUTCOME, "people": WEIGHT}
    return Dataset(Table(pd.DataFrame(values)), Schema(columns, assignment=unit), pd.DataFrame(index=range(2)))


def test_means_of_arms_are_weighted_and_nan_where_there_are_no_rows():
    mean, mass = arm_means(ITEM, ARM, OUTCOME, WEIGHT, 2)
    np.testing.assert_allclose(mean, [[1.5, 4.5], [np.nan, 7.0]])
    np.testing.assert_array_equal(mass, [[2, 4], [0, 2]])


def test_units_are_weeks_of_an_item_and_one_with_rows_in_both_arms_counts_in_each():
    data = log("item", "week")
    units = Units.of(data.interactions.frame(), data)
    np.testing.assert_array_equal(units.by_arm(ITEM, ARM, 2), [[2, 1], [0, 1]])


def test_a_row_is_as_many_units_as_its_weight_says_where_the_log_declares_none():
    data = log()
    units = Units.of(data.interactions.frame(), data)
    np.testing.assert_array_equal(units.by_arm(ITEM, ARM, 2), [[2, 4], [0, 2]])
    pull = WEIGHT * np.array([1.0, -2.0, 0.0, 3.0, 0.5])  # 1 row of 3 people weighs as 3 rows of one
    assert units.variance(pull, ITEM, 2) == pytest.approx([1 + 3 * 4 + 9, 2 * 0.25])


def test_pulls_are_summed_within_units_before_they_are_squared():
    data = log("item", "week")
    units = Units.of(data.interactions.frame(), data)
    assert units.variance(np.array([2.0, 1.0, -3.0, 4.0, 5.0]), ITEM, 2) == pytest.approx([16, 25])
