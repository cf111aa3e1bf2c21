"""`stratified-difference`: what every estimator is held to, and the number that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from causalkit_example.stratified import StratifiedDifference

from causalkit import Dataset, Estimand, Schema, build, run
from causalkit.testing import conformance, effect_world
from causalkit.types import Column, Table

test_conformance = conformance(StratifiedDifference)


def by_hand(*rows: tuple[float, int, float]) -> Dataset:
    """One item; each row is (x, shown, bought)."""
    columns = (
        Column("item", "item", "categorical"),
        Column("x", "covariate"),
        Column("shown", "treatment", "binary"),
        Column("bought", "outcome"),
    )
    log = pd.DataFrame(rows, columns=["x", "shown", "bought"]).assign(item=pd.Categorical(["a"] * len(rows)))
    return Dataset(Table(log), Schema(columns), pd.DataFrame(index=pd.Index(["a"], name="item")))


LOW = [(0, 1, 3.0), (0, 1, 5.0), *[(0, 0, 1.0)] * 4]  # exposed minus unexposed: 4 - 1
HIGH = [*[(1, 1, 10.0), (1, 1, 12.0)] * 2, (1, 0, 8.0), (1, 0, 10.0)]  # 11 - 9


def read(log: Dataset, target: str = "ate") -> pd.Series:
    found = StratifiedDifference(least=2).fit(log, Estimand("shown", "bought", target, adjustment=("x",)))
    return found.effects_.item.loc["a"]


@pytest.mark.parametrize(("target", "expected"), [("ate", (6 * 3 + 6 * 2) / 12), ("att", (2 * 3 + 4 * 2) / 6)])
def test_strata_count_by_their_rows_or_by_their_exposed_rows(target, expected):
    row = read(by_hand(*LOW, *HIGH), target)
    assert row["effect"] == pytest.approx(expected)
    assert (row["treated"], row["control"], row["reason"]) == (6, 6, "")


def test_rows_without_a_like_row_in_the_other_arm_are_left_out_and_counted():
    row = read(by_hand(*[(0, 1, 100.0)] * 3, *HIGH, *HIGH))
    assert row["effect"] == pytest.approx(2)
    assert row["reason"] == "20% of rows lie in strata without both arms, and are left out"


def test_what_the_rows_of_a_unit_share_takes_nothing_from_its_own_difference():
    user, shown = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    rng = np.random.default_rng(0)
    bought = rng.normal(size=40)[user] + shown + 0.1 * rng.normal(size=80)
    log = by_hand(*[(0, int(t), y) for t, y in zip(shown, bought, strict=True)])
    columns = (*log.schema.columns, Column("user", "user", "categorical"))
    rows = Table(log.interactions.frame().assign(user=pd.Categorical(user)))
    row = read(Dataset(rows, Schema(columns, assignment=("user",)), log.items))
    own = np.diff(bought.reshape(40, 2))  # paired: the error of a mean of 40 differences
    assert row["raw_stderr"] == pytest.approx(own.std(ddof=1) / 40**0.5, rel=0.02)


def test_where_most_rows_cannot_be_compared_there_is_a_reason_and_no_number():
    row = read(by_hand(*[(0, 1, 100.0)] * 7, *HIGH))
    assert np.isnan(row["effect"])
    assert "54% of rows" in row["reason"]


def test_it_takes_out_what_a_plain_difference_leaves_in():
    world = effect_world("confounded-by-user")
    off = {}
    for name in ("stratified-difference", "difference-in-means"):
        effects = build("estimator", name).fit(world.dataset, world.estimand).effects_.item["effect"]
        off[name] = abs(float((effects - world.effect.reindex(effects.index)).mean()))
    assert off["stratified-difference"] < 0.25 * off["difference-in-means"]


def test_one_line_of_a_config_selects_it(tmp_path):
    config = {
        "data": {"use": "simulated", "params": {"users": 200, "items": 5, "weeks": 6, "seed": 1}},
        "split": {"by": "random"},
        "estimate": {"item": "stratified-difference"},
        "evaluate": [],
    }
    assert run(config, runs_dir=tmp_path / "runs").status == "done"
