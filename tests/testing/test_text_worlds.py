from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

from causalkit.testing import text_world
from causalkit.testing.worlds import TEXT_WORLDS


def explained(world) -> float:
    words = CountVectorizer().fit_transform(world.texts)
    return cross_val_score(RidgeCV(10.0 ** np.arange(-2, 5)), words, world.told, cv=5, scoring="r2").mean()


@pytest.mark.parametrize("seed", range(3))
def test_texts_tell_the_number_where_they_matter_and_only_there(seed):
    for name in TEXT_WORLDS:
        world = text_world(name, seed)
        assert explained(world) > 0.85 if world.matters else explained(world) < 0.05


@pytest.mark.parametrize("name", sorted(TEXT_WORLDS))
def test_a_world_is_whole_and_the_same_again(name):
    world = TEXT_WORLDS[name](4)
    assert world.name == name
    assert len(world.texts) == len(world.told)
    assert world.told.index.is_unique
    assert abs(world.told.mean()) < 1e-9
    assert 0.8 < world.told.std() < 1.3
    again = TEXT_WORLDS[name](4)
    assert again.texts == world.texts
    assert again.told.equals(world.told)
    assert TEXT_WORLDS[name](5).texts != world.texts


def test_the_maker_tells_nothing():
    world = text_world("matters")
    means = world.told.groupby(["Nordhof" in text for text in world.texts]).mean()
    assert abs(means.diff().iloc[-1]) < 0.4
