"""What steps do between components."""

from __future__ import annotations

import pandas as pd

from causalkit.steps.estimate import _with_pseudo_users
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
