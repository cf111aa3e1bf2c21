"""What steps do between components."""

from __future__ import annotations

import types

import pandas as pd
import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans

import causalkit as ck
from causalkit.errors import ComponentError
from causalkit.steps.estimate import _with_pseudo_users
from causalkit.steps.evaluate import _lost_overlap
from causalkit.types import Column, Dataset, Schema, SegmentMap, Table


def log(users: pd.DataFrame) -> Dataset:
    columns = (
        Column("user", "user"),
        Column("item", "item"),
        Column("shown", "treatment"),
        Column("bought", "outcome"),
    )
    rows = pd.DataFrame({"user": ["u"], "item": ["i"], "shown": [1], "bought": [1]})
    return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=["i"]), users)


def test_who_is_in_which_segment_is_the_estimators_word_else_the_logs():
    said = log(pd.DataFrame({"segment": ["log"]}, index=["u"]))
    from_log = _with_pseudo_users(SegmentMap(), said, ["log"])
    assert from_log.of_user.to_dict() == {"u": "log", "segment:log": "log"}
    learned = SegmentMap(pd.Series({"u": "rows"}))
    assert _with_pseudo_users(learned, said, ["rows"]).of_user.to_dict() == {"u": "rows", "segment:rows": "rows"}
    nobody = _with_pseudo_users(SegmentMap(), log(pd.DataFrame()), ["a"])
    assert nobody.of_user.to_dict() == {"segment:a": "a"}


SMALL = {
    "data": {"use": "simulated", "params": {"users": 40, "items": 8, "weeks": 6}},
    "split": {"by": "random"},
    "estimate": "difference-in-means",
}


def test_estimates_see_training_rows_then_test_rows_too_and_discoverys_never(monkeypatch, tmp_path):
    seen = []
    fit = DifferenceInMeans.fit

    def watched(self, dataset, *args, **named):
        seen.append(set(dataset.interactions.frame(["fold"])["fold"].unique()))
        return fit(self, dataset, *args, **named)

    monkeypatch.setattr(DifferenceInMeans, "fit", watched)
    run = ck.run(SMALL, until="refit", runs_dir=tmp_path)
    parts = {name: set(run.split.values(name)) for name in ("discover", "training", "test")}
    assert not parts["discover"] & (parts["training"] | parts["test"])
    reported, measured = run.effects.item["treated"], run.evaluated_effects.item["treated"]
    assert reported.sum() > measured.sum()
    refitted = [rows for rows in seen if rows == parts["training"] | parts["test"]]
    assert len(refitted) >= 2
    assert all(rows == parts["training"] for rows in seen[: -len(refitted)])


def test_effects_without_errors_are_refused_even_where_only_one_lacks_it(monkeypatch, tmp_path):
    fit = DifferenceInMeans.fit

    def faulty(self, *args, **named):
        fitted = fit(self, *args, **named)
        item = fitted.effects_.item
        item.loc[item.index[0], "stderr"] = float("nan")
        return fitted

    monkeypatch.setattr(DifferenceInMeans, "fit", faulty)
    with pytest.raises(ComponentError, match=r"'difference-in-means' of causalkit \S+ gave effects without standard"):
        ck.run(SMALL, until="estimate", runs_dir=tmp_path)


def test_an_item_loses_overlap_when_either_arm_is_too_small_later(monkeypatch):
    units = pd.DataFrame({"treated": [4.0, 3.0, 9.0, 0.0], "control": [4.0, 9.0, 3.0, 9.0]}, index=list("abcp"))
    status = pd.Series(["estimated"] * 4 + ["predicted"], index=list("abcdp"))
    naive = types.SimpleNamespace(effects_=types.SimpleNamespace(item=units))
    work = types.SimpleNamespace(
        made=types.SimpleNamespace(
            estimand="asked", effects=types.SimpleNamespace(item=status.rename("status").to_frame())
        ),
        config=types.SimpleNamespace(naive="naive"),
    )
    monkeypatch.setattr("causalkit.steps.evaluate.fit_effects", lambda *_, data: naive)
    found = _lost_overlap(work, later=None)
    assert (found.value, found.n, found.on) == (3, 4, "transport")
