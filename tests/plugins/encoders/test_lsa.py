"""LSA: similar texts are near, the same texts give the same vectors, and small corpora are no trouble."""

import numpy as np
import pytest
from causalkit_plugins.encoders.lsa import Lsa

from causalkit.errors import DataError, NotFitted

TEXTS = [
    "fresh red apples",
    "fresh green apples",
    "ripe red apples from the farm",
    "paper towels for the kitchen",
    "kitchen paper, large pack",
    "large pack of paper towels",
]


def test_similar_texts_are_near():
    vectors = Lsa(dims=3).fit(TEXTS).encode(TEXTS)
    near = vectors @ vectors.T
    assert near[:3, :3].mean() > near[:3, 3:].mean() + 0.5


def test_vectors_are_float32_of_length_one_and_repeatable():
    a, b = Lsa(dims=3).fit(TEXTS).encode(TEXTS), Lsa(dims=3).fit(list(TEXTS)).encode(TEXTS)
    assert (a.dtype, a.shape) == (np.float32, (6, 3))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(Lsa(dims=3, normalise=False).fit(TEXTS).encode(TEXTS), axis=1).max() < 0.999


def test_each_row_is_its_own_text():
    lsa = Lsa(dims=4).fit(TEXTS)
    np.testing.assert_allclose(lsa.encode(TEXTS[::-1]), lsa.encode(TEXTS)[::-1], atol=1e-6)


@pytest.mark.parametrize("texts", [["one"], ["one", "two"], ["a b", "a b"], ["same"] * 5, ["x", "", None]], ids=str)
def test_small_corpora_have_as_many_dimensions_as_they_can(texts):
    vectors = Lsa(dims=64).fit(texts).encode(texts)
    assert vectors.shape[0] == len(texts)
    assert 1 <= vectors.shape[1] <= max(len(texts), 1)
    assert np.isfinite(vectors).all()


def test_unknown_words_give_zeros_and_no_texts_give_no_rows():
    lsa = Lsa(dims=2).fit(TEXTS)
    assert not lsa.encode(["zzz"]).any()
    assert lsa.encode([]).shape == (0, 2)


def test_texts_without_a_word_are_refused():
    with pytest.raises(DataError, match="not one of 2 texts holds a word"):
        Lsa().fit(["", "!?"])


def test_encoding_before_fitting_says_so():
    with pytest.raises(NotFitted):
        Lsa().encode(TEXTS)
