"""The exact top-N of scores, and what is claimed of each listed item."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalkit import ranking
from causalkit.components import Context
from causalkit.errors import ComponentError
from causalkit.ranking import claim, make_ranking, ranking_blocks, top_positions
from causalkit.types import ITEM_COLUMNS, RANKING_COLUMNS, Column, Dataset, Effects, Schema, Scores, SegmentMap, Table


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


def full_sort(values: Any, k: int) -> Any:
    ordered = np.argsort(np.where(np.isfinite(values), -values, np.inf), axis=1, kind="stable")[:, :k]
    return np.where(np.isfinite(np.take_along_axis(values, ordered, axis=1)), ordered, -1)


@pytest.mark.parametrize(("n", "m"), [(0, 5), (1, 1), (1, 400), (40, 3), (60, 200), (3, 0)])
@pytest.mark.parametrize("kind", ["distinct", "ties", "gaps", "all equal", "float32"])
def test_the_top_is_that_of_a_full_sort(n, m, kind):
    rng = np.random.default_rng(m)
    values = rng.standard_normal((n, m))
    if kind in ("ties", "gaps"):
        values = np.round(values)
    if kind == "gaps":
        values[rng.random((n, m)) < 0.5] = np.nan
        values[rng.random((n, m)) < 0.1] = -np.inf
        values[rng.random((n, m)) < 0.1] = np.inf
        values[: n // 3] = np.nan
    if kind == "all equal":
        values[:] = -0.0
    if kind == "float32":
        values = values.astype(np.float32)
    for k in (1, 2, 10, m - 1, m, m + 7):
        if k > 0:
            np.testing.assert_array_equal(top_positions(values, k), full_sort(values, k))


def random_effects(users: list[str], items: list[str], levels: str) -> Effects:
    """Effects of items, of two segments, and of a few pairs, as `levels` says."""
    rng = np.random.default_rng(3)
    item = pd.DataFrame(np.nan, index=pd.Index(items, name="item"), columns=list(ITEM_COLUMNS)).astype(object)
    item["effect"], item["stderr"] = np.round(rng.normal(size=len(items)), 1), 0.1
    item["status"], item["reason"] = "estimated", ""
    item = item.astype({name: float for name in ITEM_COLUMNS if name not in ("status", "reason")})
    known = SegmentMap(pd.Series(rng.choice(["s", "t"], len(users) - 1), users[1:]))
    segment, pair = Effects(item).segment, Effects(item).pair
    if "segment" in levels:
        segment = pd.DataFrame({"item": items * 2, "segment": ["s"] * len(items) + ["t"] * len(items)})
        segment["effect"], segment["stderr"] = rng.normal(size=len(segment)), 0.2
    if "pair" in levels:
        pair = pd.DataFrame({"user": users[3], "item": items[:2], "effect": 9.0, "stderr": 0.3})
        own = pd.DataFrame({"user": [users[4]], "item": [items[-1]], "segment": ["t"]})
        known = SegmentMap(known.of_user, own)
    return Effects(item, segment=segment, pair=pair, segments=known)


class ByEffect:
    """Scores by effects alone, which is enough to tell who is alike; counts the users it scored."""

    def __init__(self, of: Effects) -> None:
        self.of, self.scored = of, 0

    def scores(self, users, items, *, context):
        self.scored += len(users)
        return Scores(users, items, self.of.matrix(users, items)[0])


class Alike(ByEffect):
    def alike(self, users, *, context):
        return self.of.alike(users)


@pytest.mark.parametrize("levels", ["item", "item segment", "item segment pair"])
def test_users_who_are_alike_get_the_lists_they_would_get_alone(levels, monkeypatch):
    users, items = [f"u{n}" for n in range(50)], [f"i{n}" for n in range(12)]
    known = random_effects(users, items, levels)
    asked = [*users, "stranger"]
    plain = pd.concat(ranking_blocks(ByEffect(known), "mine", known, asked, items, 4, Context()), ignore_index=True)
    for block, cells in ((7, 24), (1000, 10**6)):
        monkeypatch.setattr(ranking, "BLOCK", block)
        monkeypatch.setattr(ranking, "CELLS", cells)
        tables = list(ranking_blocks(Alike(known), "mine", known, asked, items, 4, Context()))
        pd.testing.assert_frame_equal(pd.concat(tables, ignore_index=True), plain)
    assert list(plain.columns) == list(RANKING_COLUMNS)
    assert plain["who"].drop_duplicates().tolist() == asked
    quick = Alike(known)
    list(ranking_blocks(quick, "mine", known, asked, items, 4, Context()))
    assert quick.scored == {"item": 1, "item segment": 3, "item segment pair": 5}[levels]


def test_claims_differ_where_effects_do_though_scores_are_the_same():
    known = random_effects(["a", "b", "c", "d", "e"], ["x", "y"], "item segment pair")
    same = types.SimpleNamespace(
        scores=lambda users, items, *, context: Scores(users, items, np.ones((len(users), len(items)))),
        alike=lambda users, *, context: np.zeros(len(users), np.int64),
    )
    table = next(iter(ranking_blocks(same, "mine", known, ["a", "b", "d"], ["x", "y"], 2, Context())))
    pd.testing.assert_series_equal(
        table["effect"], known.predict(table["who"], table["item"])["effect"], check_names=False
    )
    assert table["level"].tolist() == ["item"] * 2 + ["segment"] * 2 + ["pair"] * 2


class ByVectors:
    """Offers vectors alone."""

    def __init__(self, users: Any, items: Any) -> None:
        self.given = np.asarray(users, np.float32), np.asarray(items, np.float32)

    def vectors(self, users, items, *, context):
        return self.given


def test_a_ranker_with_vectors_is_never_asked_for_scores():
    ranker = ByVectors([[1, 0], [0, 1], [np.nan, 0]], [[3, 0], [1, 2], [np.nan, 9]])
    table = pd.concat(ranking_blocks(ranker, "mine", None, ["u", "v", "w"], list("abc"), 3, Context()))
    told = table.groupby("who")["item"].agg("".join)
    assert told.to_dict() == {"u": "ab", "v": "ba"}
    assert table["score"].tolist() == [3, 1, 2, 0]
    assert table["rank"].tolist() == [1, 2, 1, 2]


def test_vectors_of_another_shape_are_refused_by_name():
    with pytest.raises(ComponentError, match=r"ranker 'mine' gave vectors of shape \(1, 2\) for 1 users × 3 items"):
        list(ranking_blocks(ByVectors([[1]], [[1], [2]]), "mine", None, ["u"], list("abc"), 3, Context()))


def test_nobody_and_nothing_to_recommend():
    assert list(ranking_blocks(ranker({"": [1.0]}), "mine", None, [], ["a"], 3, Context())) == []
    tables = list(ranking_blocks(ranker({"": [np.nan]}), "mine", effects(), ["u"], ["a"], 3, Context()))
    assert [(len(table), list(table.columns)) for table in tables] == [(0, list(RANKING_COLUMNS))]
