"""The exact top-N of scores, and what is claimed of each listed item."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalkit.components import Context
from causalkit.errors import ComponentError
from causalkit.ranking import claim, make_ranking, top_positions
from causalkit.types import ITEM_COLUMNS, Column, Dataset, Effects, Schema, Scores, SegmentMap, Table


def ranker(values: dict[str, list[float]]) -> Any:
    """Scores per user; a user who is not named has those of everybody ("")."""

    def scores(users, items, *, context):
        return Scores(users, items, np.array([values.get(u, values[""]) for u in users]))

    return types.SimpleNamespace(scores=scores)


def log() -> Dataset:
    columns = (
        Column("user", "user"),
        Column("item", "item"),
        Column("shown", "treatment"),
        Column("bought", "outcome"),
    )
    rows = pd.DataFrame({"user": ["u"], "item": ["a"], "shown": [1], "bought": [1]})
    return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=list("abc")), pd.DataFrame(index=["u"]))


def effects() -> Effects:
    """Item intervals wider than normal ones (few units); `b` has an effect of its own in segment `s`."""
    item = pd.DataFrame(np.nan, index=pd.Index(list("abc"), name="item"), columns=list(ITEM_COLUMNS)).astype(object)
    item[["effect", "stderr", "lower", "upper"]] = [[0.3, 0.1, -0.2, 0.8], [0.2, 0.1, -0.3, 0.7], [0.1, 0.1, -0.4, 0.6]]
    item["status"] = ["estimated", "estimated", "no-overlap"]
    numbers = [name for name in ITEM_COLUMNS if name not in ("status", "reason")]
    segment = pd.DataFrame({"item": ["b"], "segment": ["s"], "effect": [0.5], "stderr": [0.1]})
    known = SegmentMap(pd.Series({"u": "s", "segment:s": "s"}, dtype=object))
    return Effects(item.astype(dict.fromkeys(numbers, float)), segment=segment, segments=known)


def test_ties_go_to_the_earlier_item_and_what_has_no_score_is_not_listed():
    values = np.array([[1.0, 3.0, 3.0, 1.0, 2.0], [np.nan, 1.0, -np.inf, 1.0, np.nan]])
    assert top_positions(values, 4).tolist() == [[1, 2, 4, 0], [1, 3, -1, -1]]
    many = np.zeros((1, 5000))
    assert top_positions(many, 3).tolist() == [[0, 1, 2]]


def test_an_item_keeps_its_own_interval_and_a_segments_is_its_own():
    lists = make_ranking(ranker({"": [3.0, 2.0, np.nan]}), "mine", effects(), log(), 3, Context())
    assert lists.table["scope"].tolist() == ["overall"] * 2 + ["segment"] * 2 + ["user"] * 2
    overall = lists.overall.set_index("item")
    assert overall.loc["a", ["lower", "upper"]].tolist() == [-0.2, 0.8]
    user = lists.of("user", "u").set_index("item")
    assert (user.loc["b", "level"], user.loc["b", "effect"]) == ("segment", 0.5)
    assert user.loc["b", "lower"] == pytest.approx(0.5 - 1.96 * 0.1, abs=1e-4)
    assert user.loc["a", ["level", "lower"]].tolist() == ["item", -0.2]
    assert lists.excluded == {"no-overlap": 1}


def test_only_overall_leaves_out_the_rest():
    lists = make_ranking(ranker({"": [1.0, 2.0, 3.0]}), "mine", effects(), log(), 2, Context(), only_overall=True)
    assert lists.table["scope"].tolist() == ["overall"] * 2
    assert lists.table["item"].tolist() == ["c", "b"]


def test_an_item_beyond_the_list_has_a_claim_without_a_rank():
    lists = make_ranking(ranker({"": [3.0, 2.0, 1.0]}), "mine", effects(), log(), 1, Context())
    assert claim(effects(), lists, None, "a")["rank"].tolist() == [1]
    told = claim(effects(), lists, "u", "b").iloc[0]
    assert (told["rank"], told["level"], told["effect"]) == (0, "segment", 0.5)


def test_scores_of_another_shape_are_refused_by_name():
    with pytest.raises(ComponentError, match=r"ranker 'mine' gave scores of shape \(1, 2\) for 1 users × 3 items"):
        make_ranking(ranker({"": [1.0, 2.0]}), "mine", None, log(), 1, Context())
