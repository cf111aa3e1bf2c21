from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.metrics.auc import AUC, _areas
from causalkit_plugins.metrics.cdcg import CDCG
from causalkit_plugins.metrics.cp import CausalPrecision
from causalkit_plugins.metrics.f1 import F1
from causalkit_plugins.metrics.ndcg import NDCG
from causalkit_plugins.metrics.precision import Precision
from causalkit_plugins.metrics.recall import Recall

from causalkit.types import Column, Dataset, Outputs, PairTruth, Schema, Scores, Table, Truth

ITEMS = ["a", "b", "c", "d"]


def log(bought: dict[str, str], users: tuple[str, ...] = ("u", "v", "w")) -> Dataset:
    """Users and the items that each bought; every other item was not bought."""
    rows = [(u, i, 0, int(i in bought.get(u, ""))) for u in users for i in ITEMS]
    schema = Schema((Column("user", "user"), Column("item", "item"), Column("e", "treatment"), Column("y", "outcome")))
    frame = pd.DataFrame(rows, columns=["user", "item", "e", "y"])
    return Dataset(Table(frame), schema, pd.DataFrame(index=ITEMS), pd.DataFrame(index=list(users)))


def outputs(data: Dataset, values: dict[str, list[float]]) -> Outputs:
    def scores(users, items):
        table = pd.DataFrame(values, index=ITEMS).T
        return Scores(users, items, table.loc[list(users), list(items)].to_numpy(float))

    return Outputs(data, scores=scores)


SAME = {u: [4.0, 3.0, 2.0, 1.0] for u in "uvw"}


def test_precision_recall_f1_and_ndcg_by_hand():
    data = log({"u": "ac", "v": "d"})
    made = outputs(data, SAME)
    assert Precision(k=2).measure(made, data).value == pytest.approx((0.5 + 0 + 0) / 3)
    recall = Recall(k=2).measure(made, data)
    assert recall.value == pytest.approx((0.5 + 0) / 2)
    assert recall.n == 2
    assert recall.note == "1 of 3 users left out: no outcome to find"
    assert F1(k=2).measure(made, data).value == pytest.approx((2 * 1 / (2 + 2) + 0) / 2)
    best = 1 + 1 / np.log2(3)
    third = 1 / np.log2(4)
    assert NDCG(k=3).measure(made, data).value == pytest.approx(((1 + third) / best + 0) / 2)
    assert NDCG(k=3, empty="one").measure(made, data).value == pytest.approx(((1 + third) / best + 0 + 1) / 3)
    assert NDCG(k=3, empty="zero").measure(made, data).value == pytest.approx((1 + third) / best / 3)


def test_ties_go_to_the_earlier_item_and_nan_is_never_listed():
    data = log({"u": "a"}, ("u",))
    tied = outputs(data, {"u": [1.0, 1.0, 1.0, 1.0]})
    assert Precision(k=1).measure(tied, data).value == 1
    unlisted = outputs(data, {"u": [np.nan, 0.0, np.nan, np.nan]})
    assert Precision(k=4).measure(unlisted, data).value == 0
    assert Recall(k=4).measure(unlisted, data).value == 0


def test_k_beyond_the_items_is_no_error():
    data = log({"u": "ab"}, ("u",))
    made = outputs(data, SAME)
    assert Recall(k=99).measure(made, data).value == 1
    assert NDCG(k=99).measure(made, data).value == 1
    assert Precision(k=8).measure(made, data).value == 0.25


def test_nobody_with_an_outcome_is_nan_with_a_note():
    data = log({})
    found = Recall().measure(outputs(data, SAME), data)
    assert np.isnan(found.value)
    assert "3 of 3 users left out" in found.note
    assert np.isnan(Precision().measure(Outputs(data), data).value)


def test_auc_agrees_with_scikit_learn_ties_included():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (50, 20)).astype(float)
    relevant = (rng.random((50, 20)) < 0.3).astype(float)
    relevant[0], relevant[1] = 0, 1
    found = _areas(scores, relevant)
    assert np.isnan(found[:2]).all()
    np.testing.assert_allclose(found[2:], [roc_auc_score(r, s) for r, s in zip(relevant[2:], scores[2:], strict=True)])


def test_auc_of_users_and_unlisted_items_last():
    data = log({"u": "a", "v": "d"}, ("u", "v"))
    assert AUC().measure(outputs(data, SAME), data).value == pytest.approx(0.5)
    unlisted = outputs(data, {"u": [np.nan, 1, 1, 1], "v": [1, 1, 1, np.nan]})
    assert AUC().measure(unlisted, data).value == 0


def test_ndcg_agrees_with_scikit_learn():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(1)
    users = tuple(f"u{k}" for k in range(30))
    bought = {u: "".join(i for i in ITEMS if rng.random() < 0.5) or "a" for u in users}
    data = log(bought, users)
    values = {u: list(rng.permutation(4).astype(float)) for u in users}
    expected = ndcg_score([[int(i in bought[u]) for i in ITEMS] for u in users], [values[u] for u in users], k=3)
    assert NDCG(k=3).measure(outputs(data, values), data).value == pytest.approx(expected)


def test_segments_stand_for_their_users():
    rows = pd.DataFrame(
        [("s", "a", 0, 1, 30), ("s", "a", 0, 0, 70), ("s", "b", 0, 0, 100), ("t", "a", 0, 1, 10), ("t", "b", 0, 1, 90)],
        columns=["segment", "item", "e", "y", "n"],
    )
    schema = Schema(
        (
            Column("segment", "segment"),
            Column("item", "item"),
            Column("e", "treatment"),
            Column("y", "outcome"),
            Column("n", "weight"),
        )
    )
    data = Dataset(Table(rows), schema, pd.DataFrame(index=ITEMS))
    made = outputs(data, {"segment:s": SAME["u"], "segment:t": SAME["u"]})
    found = Precision(k=1).measure(made, data)
    assert found.value == pytest.approx((200 * 0.3 + 100 * 1.0) / 300)
    assert "over segments" in found.note


def test_intervals_are_over_users():
    users = tuple(f"u{k}" for k in range(100))
    data = log(dict.fromkeys(users[:40], "a"), users)
    found = Precision(k=1).measure(outputs(data, dict.fromkeys(users, SAME["u"])), data)
    assert found.value == pytest.approx(0.4)
    half = 1.984 * np.sqrt(0.4 * 0.6 / 99)
    assert found.upper - found.lower == pytest.approx(2 * half, rel=1e-3)
    assert found.n == 100


def planted() -> Truth:
    effects = np.array([[0.3, 0.1, 0.0, -0.1], [0.0, 0.2, 0.2, 0.4]], np.float32)
    return Truth(pair=PairTruth(pd.Index(["u", "v"]), pd.Index(ITEMS), effects))


def test_cp_and_cdcg_by_hand():
    data = log({}, ("u", "v"))
    made = outputs(data, SAME)
    assert CausalPrecision(k=2).measure(made, data, planted()).value == pytest.approx((0.2 + 0.1) / 2)
    d = 1 / np.log2([2, 3, 4, 5])
    expected = np.mean([d @ [0.3, 0.1, 0, -0.1], d @ [0, 0.2, 0.2, 0.4]])
    assert CDCG().measure(made, data, planted()).value == pytest.approx(expected)
    assert CDCG(k=1).measure(made, data, planted()).value == pytest.approx(0.15)


def test_empty_slots_cause_nothing():
    data = log({}, ("u", "v"))
    made = outputs(data, {u: [4.0, np.nan, np.nan, np.nan] for u in "uv"})
    assert CausalPrecision(k=2).measure(made, data, planted()).value == pytest.approx(0.3 / 2 / 2)


def test_without_planted_pairs_it_says_so():
    data = log({}, ("u", "v"))
    found = CausalPrecision().measure(outputs(data, SAME), data, Truth())
    assert np.isnan(found.value)
    assert "not planted" in found.note
    assert np.isnan(CDCG().measure(replace(outputs(data, SAME), scores=None), data, planted()).value)
