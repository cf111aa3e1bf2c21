"""Hashing: words, and runs of characters, land in buckets; nothing is learned, and no text is too odd."""

import numpy as np
import pytest
from causalkit_plugins.encoders import _texts
from causalkit_plugins.encoders.hashing import Hashing

from causalkit.components import Context
from causalkit.errors import Interrupted, InvalidParameter
from causalkit.testing import checks_for, examine

TEXTS = ["fresh red apples", "ripe red apples", "paper towels", "", "red red red apples"]
OWN = [one.id for one in checks_for("encoder") if one.id.startswith("encoder/")]


def test_it_passes_the_kit():
    card = examine(Hashing(words=2, characters=4), checks=OWN)
    assert card.passed, card.of("failed")


def test_texts_that_share_words_are_near_and_others_are_not():
    near = (vectors := Hashing(dims=4096).encode(TEXTS)) @ vectors.T
    assert near[0, 1] == pytest.approx(2 / 3, abs=1e-6)
    assert abs(near[0, 2]) < 1e-6


def test_vectors_are_float32_of_length_one_and_a_text_without_a_word_stays_zero():
    for encoder in (Hashing(dims=64), Hashing(dims=64, characters=3)):
        vectors = encoder.encode(TEXTS)
        assert (vectors.dtype, vectors.shape) == (np.float32, (5, 64))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0, 1], atol=1e-6)


def test_a_word_that_comes_more_often_weighs_one_plus_the_log_of_its_count():
    vectors = np.abs(Hashing(dims=4096).encode(["red apples", "red red red apples"]))
    low, high = np.sort(vectors, axis=1)[:, -2:].T
    np.testing.assert_allclose(high / low, [1, 1 + np.log(3)], rtol=1e-5)


def test_order_counts_only_where_pairs_are_hashed():
    texts = ["red apples", "apples red"]
    one, other = Hashing().encode(texts)
    np.testing.assert_array_equal(one, other)
    one, other = Hashing(words=2, dims=4096).encode(texts)
    assert one @ other < 0.9


def test_runs_of_characters_see_typos_codes_and_languages_without_spaces():
    for a, b in (("yoghurt", "yogurt"), ("AB1234X", "AB1234Y"), ("特別牛乳", "牛乳")):
        one, other = Hashing(dims=4096).encode([a, b])
        assert one @ other == 0
        one, other = Hashing(dims=4096, characters=4).encode([a, b])
        assert one @ other > 0.15


def test_words_and_runs_of_characters_weigh_alike():
    with_runs = Hashing(dims=1 << 16, characters=4).encode(["apples cherries"])[0]
    words = Hashing(dims=1 << 16).encode(["apples cherries"])[0]
    assert with_runs @ words == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_one_bucket_and_odd_texts_give_finite_vectors():
    odd = ["a\0b", "e\u0301 \u202e bidi", "🥐🧈", "\ud83d half an emoji", "word " * 200_000, "x" * 1_000_000, None, 7]
    for encoder in (Hashing(dims=1), Hashing(dims=8, characters=4)):
        assert np.isfinite(encoder.encode(odd)).all()


def test_blocks_change_nothing(monkeypatch):
    whole = Hashing(characters=3).encode(TEXTS * 3)
    monkeypatch.setattr(_texts, "_BLOCK", 4)
    np.testing.assert_array_equal(Hashing(characters=3).encode(TEXTS * 3), whole)


def test_it_stops_when_told():
    with pytest.raises(Interrupted):
        Hashing().encode(TEXTS, context=Context(cancelled=lambda: True))


@pytest.mark.parametrize("params", [{"words": 0}, {"characters": -1}, {"dims": 0}, {"dims": 10**9}], ids=str)
def test_what_hashes_nothing_or_too_much_is_refused(params):
    with pytest.raises(InvalidParameter, match=next(iter(params))):
        Hashing(**params)
