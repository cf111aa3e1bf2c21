"""LSA: similar texts are near, the same texts give the same vectors, and small corpora are no trouble."""

from collections.abc import Sequence

import numpy as np
import pytest
from causalkit_plugins.encoders import _texts
from causalkit_plugins.encoders.lsa import Lsa

from causalkit.components import Context
from causalkit.errors import DataError, Interrupted, NotFitted

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


def exact(texts, dims):
    """What scikit-learn's own TF-IDF and a full decomposition give."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True)
    counted = words.fit_transform(texts).toarray()
    return counted @ np.linalg.svd(counted, full_matrices=False)[2][:dims].T


def test_it_is_tf_idf_and_a_decomposition_of_all_texts_however_often_each_comes():
    texts = TEXTS + TEXTS[:2] * 3
    ours, theirs = Lsa(dims=3, normalise=False).fit(texts).encode(texts), exact(texts, 3)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-5)


def test_the_most_frequent_words_are_kept():
    words = Lsa(max_words=3).fit(TEXTS).words_.vocabulary_
    assert list(words) == ["apples", "fresh", "paper"]


def test_of_many_texts_evenly_spaced_ones_are_learned_from():
    texts = [f"word{k}" for k in range(100)]
    words = Lsa(max_texts=5).fit(texts).words_.vocabulary_
    assert sorted(words) == ["word0", "word24", "word49", "word74", "word99"]


class Texts(Sequence):
    """Texts that are made when they are asked for."""

    def __len__(self):
        return 60

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self[k] for k in range(60)[place]]
        if place >= 60:
            raise IndexError(place)
        return TEXTS[place % 6]


def test_any_sequence_will_do_and_blocks_change_nothing(monkeypatch):
    whole = Lsa(dims=3).fit(list(Texts())).encode(list(Texts()))
    monkeypatch.setattr(_texts, "_BLOCK", 7)
    np.testing.assert_allclose(Lsa(dims=3).fit(Texts()).encode(Texts()), whole, atol=1e-6)


def test_directions_that_hold_only_rounding_are_left_out():
    assert Lsa(dims=4).fit(["one two", "One, two!", "ONE TWO"]).encode(["one"]).shape == (1, 1)


def test_odd_texts_stand():
    odd = ["a\0b", "e\u0301 \u202e bidi", "🥐🧈", "\ud83d half an emoji", "word " * 200_000, "x" * 1_000_000, None, 7]
    assert np.isfinite(Lsa().fit([*TEXTS, *odd]).encode([*odd, *TEXTS])).all()


def test_it_stops_when_told():
    with pytest.raises(Interrupted):
        Lsa().fit(TEXTS, context=Context(cancelled=lambda: True))
