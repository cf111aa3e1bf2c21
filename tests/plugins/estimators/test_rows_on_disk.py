"""Estimators written as reductions read a log on disk by parts, never whole, and answer as in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.estimators.regression import Regression
from causalkit_plugins.estimators.shared import Shared

from causalkit.components import Context
from causalkit.types import Column, ParquetTable
from tests.planted_panels import planted_panel

MADE = [
    DifferenceInMeans(),
    DifferenceInMeans(level="segment"),
    Regression(),
    Panel(),
    Shared(of=DifferenceInMeans()),
    Shared(of=Panel()),
]


@pytest.fixture(scope="module")
def world():
    made = planted_panel(items=20, weeks=16, segmented=True)
    colour = pd.Categorical(np.arange(len(made.dataset.interactions)) % 3)
    dataset = made.dataset.with_columns([Column("colour", "covariate", "categorical")], colour=colour)
    return replace(
        made, dataset=dataset, estimand=replace(made.estimand, adjustment=(*made.estimand.adjustment, "colour"))
    )


@pytest.mark.parametrize("made", MADE, ids=repr)
def test_rows_on_disk_are_read_by_parts_with_the_same_answer(made, world, tmp_path, monkeypatch):
    disk = replace(world.dataset, interactions=ParquetTable.write(world.dataset.interactions, tmp_path))
    context = Context(part_rows=500)
    memory = made.fit(world.dataset, world.estimand, context=context).effects_

    def refused(*_):
        raise AssertionError("the whole log was read into memory")

    monkeypatch.setattr(ParquetTable, "frame", refused)
    found = made.fit(disk, world.estimand, context=context).effects_
    pd.testing.assert_frame_equal(found.item, memory.item, check_exact=True)
    pd.testing.assert_frame_equal(found.segment, memory.segment, check_exact=True)
    assert found.pooled == memory.pooled
