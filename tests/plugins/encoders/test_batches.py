"""The plan of batches depends on the texts alone; a text of the same tokens as another is not computed again."""

import numpy as np
import pytest
from causalkit_plugins.encoders._batches import BATCH_TOKENS, plan
from causalkit_plugins.encoders._reading import Reading, spaced
from causalkit_plugins.encoders._tokens import Tokens


def words(texts):
    """A token per word, its length; texts of more than five are cut."""
    ids = [[len(word) for word in text.lower().split()] or [0] for text in texts]
    return Tokens([one[:5] for one in ids], np.array([len(one) > 5 for one in ids]), [0] * len(texts))


@pytest.mark.parametrize("lengths", [[], [1], [BATCH_TOKENS * 3], [300, 200, 7, 7, 7, 1], [5] * 1000], ids=str)
def test_batches_hold_all_texts_in_order_and_are_as_full_as_they_may(lengths):
    bounds = list(plan(lengths, BATCH_TOKENS))
    assert [i for start, stop in bounds for i in range(start, stop)] == list(range(len(lengths)))
    for start, stop in bounds:
        assert stop - start == 1 or (stop - start) * lengths[start] <= BATCH_TOKENS
    for start, stop in bounds[:-1]:
        assert (stop - start + 1) * lengths[start] > BATCH_TOKENS


def test_parts_hold_each_sequence_of_tokens_once_and_tell_what_the_others_are():
    texts = ["oat milk", "OAT MILK", "rye", "a b c d e f", "oat milk", "a b c d e g", ""]
    reading = Reading(words, texts)
    parts = list(reading.parts(12))
    assert sorted(i for part in parts for i in part.at) == [0, 2, 3, 6]
    assert reading.same == {1: 0, 4: 0, 5: 3}
    assert reading.cut.tolist() == [False, False, False, True, False, True, False]
    assert all(len(ids) * len(part.ids) <= 12 or len(part.ids) == 1 for part in parts for ids in part.ids)


def test_texts_are_read_as_their_parts_are_asked_for(monkeypatch):
    monkeypatch.setattr("causalkit_plugins.encoders._reading.WINDOW", 2)
    read = []
    parts = Reading(lambda texts: read.extend(texts) or words(texts), ["a", "b b", "c c c", "dd"]).parts(1)
    next(parts)
    assert read == ["c c c", "b b"]
    assert len(list(parts)) == 3


def test_some_texts_are_chosen_by_the_texts_alone():
    texts = ["x" * n for n in range(100)]
    assert spaced(texts, 3) == [99, 49, 0]
    assert spaced(["a"], 4) == [0]
    assert spaced([], 4) == []
