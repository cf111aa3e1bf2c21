"""Columns that a schema declares are honoured: clusters in errors, logged propensities in AIPW."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB

from causalkit.types import Column, Dataset, Estimand, Schema, Table

ESTIMAND = Estimand("shown", "sales", "ate")


def log(seed: int = 5, rows: int = 4000) -> Dataset:
    """Two items; a hidden cause moves exposure and sales, and the log keeps the propensity it made; effect 0.5."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=rows)
    propensity = 1 / (1 + np.exp(-hidden))
    frame = pd.DataFrame({"item": rng.integers(0, 2, rows), "user": np.arange(rows), "p": propensity})
    frame["shown"] = (rng.random(rows) < propensity).astype(int)
    frame["sales"] = 0.5 * frame["shown"] + hidden + rng.normal(0, 0.5, rows)
    frame["item"] = frame["item"].astype("category")
    columns = (
        Column("item", "item", "categorical"),
        Column("user", "user", "categorical"),
        Column("shown", "treatment", "binary"),
        Column("sales", "outcome"),
    )
    return Dataset(Table(frame), Schema(columns), pd.DataFrame(index=pd.RangeIndex(2, name="item")))


def repeated(data: Dataset, times: int, *, declared: bool) -> Dataset:
    """Every row `times` times, with the cluster that says so declared or not."""
    frame = data.interactions.frame()
    again = pd.concat([frame.assign(origin=np.arange(len(frame)))] * times, ignore_index=True)
    schema = data.schema.with_columns([Column("origin", "cluster", "categorical")]) if declared else data.schema
    return replace(data, interactions=Table(again), schema=schema)


@pytest.mark.parametrize("estimator", [AIPW(), DifferenceInMeans(), TLearnerEB(level="item")], ids=repr)
def test_errors_are_clustered_by_a_declared_cluster(estimator: AIPW | DifferenceInMeans | TLearnerEB) -> None:
    data = log()
    once = estimator.fit(data, ESTIMAND).effects_.item["raw_stderr"].to_numpy()
    clustered = estimator.fit(repeated(data, 4, declared=True), ESTIMAND).effects_.item
    fooled = estimator.fit(repeated(data, 4, declared=False), ESTIMAND).effects_.item["raw_stderr"].to_numpy()
    assert clustered["raw_stderr"].to_numpy() == pytest.approx(once, rel=0.03)
    assert fooled == pytest.approx(once / 2, rel=0.03)
    assert int(clustered[["treated", "control"]].to_numpy().sum()) == len(data.interactions)


def test_logged_propensities_free_aipw_of_a_cause_that_nobody_logged() -> None:
    data = log(rows=20_000)
    schema = data.schema.with_columns([Column("p", "propensity")])
    knows = replace(data, schema=schema)
    logged = AIPW().fit(knows, ESTIMAND).effects_
    estimated = AIPW(propensity="estimated").fit(knows, ESTIMAND).effects_
    away = (logged.item["effect"] - 0.5).abs()
    assert (away < 3 * logged.item["stderr"]).all()
    assert (away < 0.15).all()
    assert (estimated.item["lower"] > 0.9).all(), "nothing to adjust for: the hidden cause is read as effect"
    assert "The logged propensities are those by which exposure was decided." in logged.assumptions
    assert not any("logged" in said for said in estimated.assumptions)
    without = AIPW().fit(data, ESTIMAND).effects_
    pd.testing.assert_frame_equal(without.item, estimated.item)
