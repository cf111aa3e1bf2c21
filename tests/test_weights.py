"""A row of weight n is n rows, everywhere: a weight is a frequency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.estimators.shared import Shared
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB
from causalkit_plugins.metrics.held_out_effect import HeldOutEffect
from causalkit_plugins.refuters.exposure_elsewhere import ExposureElsewhere
from causalkit_plugins.refuters.future_exposure import FutureExposure
from causalkit_plugins.refuters.shifted_calendar import ShiftedCalendar

from causalkit import preparation
from causalkit.config import SplitPlan
from causalkit.types import Column, Dataset, Derivation, Effects, Estimand, Outputs, Ranking, Table
from tests.planted_panels import planted_panel
from tests.worlds import personal_world


def _both(dataset: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The log with weights, and the same with rows repeated."""
    rows = dataset.interactions.frame().reset_index(drop=True)
    if dataset.weight is None:
        times = np.random.default_rng(seed).integers(1, 4, len(rows))
        schema = dataset.schema.with_columns([Column("times", "weight", "count")])
        dataset = replace(dataset, interactions=Table(rows.assign(times=times)), schema=schema)
        rows = dataset.interactions.frame()
    name = dataset.weight
    each = rows.loc[rows.index.repeat(rows[name])].reset_index(drop=True).drop(columns=name)
    plain = replace(dataset.schema, columns=tuple(c for c in dataset.schema.columns if c.name != name))
    return dataset, replace(dataset, interactions=Table(each), schema=plain)


def _alike(a: Effects, b: Effects) -> None:
    assert a.item["raw"].notna().sum() > 3
    for table in ("item", "segment", "pair", "ladder"):
        one, two = (getattr(e, table) for e in (a, b))
        keys = [k for k in ("user", "segment", "item", "specification") if k in one and k != one.index.name]
        one, two = (t.sort_values(keys).reset_index(drop=True) if keys else t for t in (one, two))
        pd.testing.assert_frame_equal(one, two, rtol=1e-10, atol=1e-12, check_categorical=False)
    if a.pooled is not None:
        np.testing.assert_allclose([a.pooled.effect, a.pooled.stderr], [b.pooled.effect, b.pooled.stderr], rtol=1e-10)


@pytest.fixture(scope="module")
def panels() -> tuple[Dataset, Dataset, Estimand]:
    world = planted_panel(0, items=16, households=60, segmented=True)
    rng = np.random.default_rng(1)
    rows = world.dataset.interactions.frame()
    elsewhere = rng.random((16, 24)) < 0.4
    at = rows["item"].cat.codes.to_numpy(), rows["week"].to_numpy()
    schema = world.dataset.schema.with_columns([Column("elsewhere", "placebo-exposure", "binary")])
    rows = rows.assign(elsewhere=(elsewhere[at] & (rows["exposed"] == 0)).astype(int))
    return *_both(replace(world.dataset, interactions=Table(rows), schema=schema)), world.estimand


@pytest.mark.parametrize(
    "estimator",
    [
        Panel(),
        Shared(of=Panel()),
        DifferenceInMeans(),
        DifferenceInMeans(level="segment"),
        AIPW(),
        TLearnerEB(level="segment"),
    ],
    ids=repr,
)
def test_estimators_on_a_chain_wide_log(panels, estimator) -> None:
    weighted, repeated, estimand = panels
    _alike(estimator.fit(weighted, estimand).effects_, estimator.fit(repeated, estimand).effects_)


@pytest.mark.parametrize("assigned", [True, False], ids=["by user", "independent rows"])
@pytest.mark.parametrize("estimator", [DifferenceInMeans(), AIPW(), TLearnerEB(), TLearnerEB(of=AIPW())], ids=repr)
def test_estimators_on_a_log_of_users(estimator, assigned) -> None:
    world = personal_world(2, users=50, items=5)
    weighted, repeated = _both(world.dataset)
    if not assigned:
        weighted, repeated = (replace(d, schema=replace(d.schema, assignment=())) for d in (weighted, repeated))
    _alike(estimator.fit(weighted, world.estimand).effects_, estimator.fit(repeated, world.estimand).effects_)


@pytest.mark.parametrize("refuter", [FutureExposure(), ExposureElsewhere(), ShiftedCalendar()], ids=repr)
def test_refuters(panels, refuter) -> None:
    weighted, repeated, estimand = panels
    a, b = (refuter.check(d, estimand, Panel().fit(d, estimand)) for d in (weighted, repeated))
    np.testing.assert_allclose(
        [a.estimate, a.lower, a.upper, a.tested], [b.estimate, b.lower, b.upper, b.tested], rtol=1e-10
    )
    assert np.isfinite(a.estimate)


def test_held_out_effects(panels) -> None:
    weighted, repeated, estimand = panels
    found = []
    for data in (weighted, repeated):
        fitted = Panel().fit(data, estimand)
        listed = fitted.effects_.item.dropna(subset=["raw"]).reset_index()
        table = pd.DataFrame(
            {
                "scope": "overall",
                "who": "",
                "rank": np.arange(1, len(listed) + 1),
                "item": listed["item"],
                "score": listed["effect"],
                "effect": listed["effect"],
                "lower": listed["lower"],
                "upper": listed["upper"],
                "level": "item",
                "status": "estimated",
            }
        )
        outputs = Outputs(
            training=data,
            estimand=estimand,
            estimator=fitted,
            effects=fitted.effects_,
            ranking=Ranking(table, "uplift"),
        )
        found.append(HeldOutEffect(k=5, resamples=40).measure(outputs, data))
    np.testing.assert_allclose(*([m.value, m.lower, m.upper] for m in found), rtol=1e-10)


@pytest.mark.parametrize("assignment", [("item", "week"), ()], ids=["by unit", "by row"])
def test_derived_columns_and_the_table_of_discovery(panels, assignment) -> None:
    derived = [
        Column("before", "covariate", derive=Derivation("lag", of="bought", periods=2, window=2)),
        Column("others", "covariate", derive=Derivation("group-rate", of="bought", group="kind")),
    ]
    seen = []
    for data in panels[:2]:
        data = replace(data, schema=replace(data.schema.with_columns(derived), assignment=assignment))
        data, parted = preparation.split(data, SplitPlan(weeks=2, pattern="DEET"))
        seen.append(preparation.variables(parted.take(preparation.derive(data, parted), "discover")).repeated().table)
    a, b = (t.astype(float).round(5).sort_values(list(t.columns)).reset_index(drop=True) for t in seen)
    pd.testing.assert_frame_equal(a, b, atol=1.1e-5)  # derived columns are of 32 bits


def test_what_discovery_sees_is_counted_by_weight() -> None:
    weighted, repeated = _both(personal_world(users=30, items=4).dataset)
    plain = [replace(d, schema=replace(d.schema, assignment=())) for d in (weighted, repeated)]
    seen, each = (preparation.variables(d) for d in plain)
    assert each.weights is None and len(seen.table) < len(each.table)
    assert seen.units_of("x") == each.units_of("x") == len(each.table)
    columns = list(seen.names)
    pd.testing.assert_frame_equal(seen.repeated().table[columns], each.table[columns], check_dtype=False)
    assert len(seen.repeated(50).table) == 50


def test_a_declared_cluster_reaches_discovery() -> None:
    dataset = personal_world(users=30, items=4).dataset
    columns = tuple(replace(c, role="cluster") if c.name == "user" else c for c in dataset.schema.columns)
    schema = replace(dataset.schema, columns=columns)
    rows = preparation.variables(replace(dataset, schema=replace(schema, assignment=())))
    assert rows.clusters == ("user",) and set(rows.units) == {"user", "item", "week"}
    assert rows.levels == {"x": ("user",), "season": ("week",)} and rows.units_of("x") == 30
    cells = preparation.variables(replace(dataset, schema=replace(schema, assignment=("item", "week"))))
    assert len(cells.table) == 30 * 4 * 4  # the outcome of an item's week differs between clusters
    assert cells.levels["bought"] == ("item", "week", "user")
