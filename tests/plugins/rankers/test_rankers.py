from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB
from causalkit_plugins.rankers.popularity import Popularity
from causalkit_plugins.rankers.random import Random
from causalkit_plugins.rankers.uplift import Uplift

from causalkit.components import Context
from causalkit.errors import InvalidParameter, NotFitted, UsageError
from causalkit.ranking import ranking_blocks
from causalkit.types import EXCLUDED, EffectFactors, Effects
from tests.worlds import chain_world, personal_world


@pytest.fixture(scope="module")
def world():
    return personal_world(users=60, items=6)


@pytest.fixture(scope="module")
def effects(world):
    return TLearnerEB(of=AIPW()).fit(world.dataset, world.estimand).effects_


def test_random_scores_do_not_depend_on_who_is_scored_together(world):
    ranker = Random().fit(world.dataset)
    users, items = list(world.dataset.users.index), list(world.dataset.items.index)
    whole = ranker.scores(users, items).values
    np.testing.assert_array_equal(ranker.scores(users[7:9], items[::-1]).values, whole[7:9, ::-1])
    assert whole.mean() == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(whole)) == whole.size
    other = Random().fit(world.dataset, context=Context(root_seed=1)).scores(users, items).values
    assert abs(np.corrcoef(whole.ravel(), other.ravel())[0, 1]) < 0.2


def test_popularity_is_the_outcome_rate(world):
    rows = world.dataset.interactions.data
    items = list(world.dataset.items.index)
    found = Popularity().fit(world.dataset).scores(["anyone"], items).values[0]
    np.testing.assert_allclose(found, rows.groupby("item", observed=True)["bought"].mean().loc[items])
    counts = Popularity(by="count").fit(world.dataset, context=Context(part_rows=50)).scores([""], [*items, "new"])
    np.testing.assert_allclose(counts.values[0], [*rows.groupby("item", observed=True)["bought"].sum().loc[items], 0])


def test_popularity_counts_weights():
    world = chain_world(items=3)
    rows = world.dataset.interactions.data
    found = Popularity().fit(world.dataset).scores([""], ["i001"]).values[0, 0]
    own = rows[rows["item"] == "i001"]
    assert found == pytest.approx(np.average(own["bought"], weights=own["households"]))


def test_uplift_ranks_by_pair_effects_and_strangers_by_item(world, effects):
    items = list(world.dataset.items.index)
    ranker = Uplift().fit(world.dataset, effects)
    found = ranker.scores(["u0003", "stranger"], items).values
    pair = effects.pair.set_index(["user", "item"])["effect"]
    np.testing.assert_allclose(found[0], [pair["u0003", item] for item in items])
    np.testing.assert_allclose(found[1], effects.item["effect"].reindex(items))


@pytest.mark.parametrize("status", sorted(EXCLUDED))
def test_uplift_leaves_out_what_cannot_be_read(world, effects, status):
    table = effects.item.assign(status="estimated")
    table.loc["i002", "status"] = status
    found = Uplift().fit(world.dataset, replace(effects, item=table)).scores(["u0001"], ["i001", "i002"]).values
    assert np.isfinite(found).tolist() == [[True, False]]


def test_predictions_take_part_unless_told_otherwise(world, effects):
    table = effects.item.assign(status="estimated")
    table.loc["i002", "status"] = "predicted"
    told = replace(effects, item=table)
    assert np.isfinite(Uplift().fit(world.dataset, told).scores([""], ["i002"]).values).all()
    assert np.isnan(Uplift(predicted=False).fit(world.dataset, told).scores([""], ["i002"]).values).all()


def test_confidence_ranks_by_the_lower_limit(world, effects):
    items = list(world.dataset.items.index)
    found = Uplift(confidence=0.95).fit(world.dataset, effects).scores([""], items).values[0]
    table = effects.item.reindex(items)
    np.testing.assert_allclose(found, table["effect"] - 1.959964 * table["stderr"], rtol=1e-5)
    with pytest.raises(InvalidParameter):
        Uplift(confidence=1.0)


def test_uplift_says_what_it_needs(world):
    with pytest.raises(UsageError, match="there are none"):
        Uplift().fit(world.dataset)
    with pytest.raises(NotFitted):
        Uplift().scores(["u0001"], ["i001"])


def test_popularity_makes_everybody_alike(world):
    ranker = Popularity().fit(world.dataset)
    users, items = ["a", "b", "c"], list(world.dataset.items.index)
    assert ranker.alike(users).tolist() == [0, 0, 0]
    values = ranker.scores(users, items).values
    assert (values == values[:1]).all()


def test_who_is_alike_scores_alike(world, effects):
    users, items = [*world.dataset.users.index, "stranger", "another"], list(world.dataset.items.index)
    ranker = Uplift().fit(world.dataset, replace(effects, pair=effects.pair.query("user < 'u0005'")))
    codes, values = ranker.alike(users), ranker.scores(users, items).values
    assert 2 < len(np.unique(codes)) < len(users)
    for code in np.unique(codes):
        own = values[codes == code]
        np.testing.assert_array_equal(own, np.broadcast_to(own[0], own.shape))


@pytest.fixture
def factored(effects) -> Effects:
    """Effects whose pairs come from factors, of all users but `u0003` and all items but `i002`."""
    rng = np.random.default_rng(0)
    users = pd.Index([f"u{n:04d}" for n in range(40) if n != 3])
    items = effects.item.index.drop("i002")
    vectors = (rng.standard_normal((len(ids), 5), dtype=np.float32) for ids in (users, items))
    factors = EffectFactors(users, next(vectors), items, next(vectors))
    nothing = {"pair": effects.pair.iloc[:0], "segment": effects.segment.iloc[:0]}
    table = effects.item.assign(status="estimated")
    table.loc["i004", "status"] = "refuted"
    return replace(effects, item=table, factors=factors, **nothing)


def test_vectors_say_what_scores_say(world, factored):
    ranker = Uplift().fit(world.dataset, factored)
    users, items = [f"u{n:04d}" for n in range(40)], [*world.dataset.items.index, "unknown"]
    for asked, of in ((users, items), (["u0001"], ["i001", "i004"]), (["u0003"], ["i002", "i001"])):
        left, right = ranker.vectors(asked, of)
        np.testing.assert_allclose(left @ right.T, ranker.scores(asked, of).values, rtol=1e-4, atol=1e-6)


def test_lists_from_vectors_are_those_from_scores(world, factored):
    users, items = [f"u{n:04d}" for n in range(40)], list(world.dataset.items.index)
    ranker = Uplift().fit(world.dataset, factored)
    sure = Uplift(confidence=1e-12).fit(world.dataset, factored)
    quick, slow = (
        pd.concat(ranking_blocks(of, "uplift", factored, users, items, 4, Context())) for of in (ranker, sure)
    )
    pd.testing.assert_frame_equal(quick, slow, rtol=1e-5)
    assert "i004" not in set(quick["item"])


def test_there_are_no_vectors_where_they_would_not_say_it_all(world, effects, factored):
    users, items = ["u0001", "stranger"], ["i001", "i003"]

    def offered(of: Effects, **params):
        return Uplift(**params).fit(world.dataset, of).vectors(users, items)

    assert offered(factored) is not None
    assert offered(effects) is None
    assert offered(factored, confidence=0.9) is None
    assert offered(replace(factored, pair=effects.pair)) is None
    segment = pd.DataFrame({"item": ["i001"], "segment": ["s"], "effect": [1.0], "stderr": [0.1]})
    assert offered(replace(factored, segment=segment)) is None
    silent = factored.item.copy()
    silent.loc["i001", "effect"] = np.nan
    assert offered(replace(factored, item=silent)) is None
