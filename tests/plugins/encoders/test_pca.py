"""pca: exact, repeatable, no wider than its data, and as open about its part as the part is."""

from __future__ import annotations

import numpy as np
import pytest
from causalkit_plugins.encoders import pca
from causalkit_plugins.encoders.behaviour import Behaviour
from causalkit_plugins.encoders.concat import Concat
from causalkit_plugins.encoders.hashing import Hashing
from causalkit_plugins.encoders.pca import Pca

from causalkit.errors import DataError, InvalidParameter, NotFitted
from causalkit.testing import checks_for, examine
from causalkit.testing.worlds import text_world
from tests.testing.mutants.encoder import Captioned, Pixels
from tests.testing.mutants.encoder_marks import Marking

TEXTS = list(text_world("matters").texts)
OWN = [one.id for one in checks_for("encoder") if one.id.startswith("encoder/")]


def test_it_is_scikit_learns_pca():
    from sklearn.decomposition import PCA

    vectors = Hashing(dims=64).encode(TEXTS).astype(float)
    for whiten in (False, True):
        theirs = PCA(10, whiten=whiten, svd_solver="full").fit(vectors)
        ours = Pca(of=Hashing(dims=64), dims=10, whiten=whiten).fit(TEXTS)
        assert ours.encode(TEXTS).dtype == np.float32
        expected = theirs.transform(vectors) * (np.sqrt((len(TEXTS)) / (len(TEXTS) - 1)) if whiten else 1)
        np.testing.assert_allclose(np.abs(ours.encode(TEXTS)), np.abs(expected), atol=1e-5)
        np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, atol=1e-9)


def test_blocks_change_nothing_and_a_far_mean_loses_nothing(monkeypatch):
    class Far(Hashing):
        def encode(self, inputs, **context):
            return super().encode(inputs, **context) + np.float32(1000)

    whole = Pca(of=Far(dims=32), dims=4).fit(TEXTS)
    monkeypatch.setattr(pca, "_BLOCK", 7)
    parts = Pca(of=Far(dims=32), dims=4).fit(TEXTS)
    np.testing.assert_allclose(parts.encode(TEXTS), whole.encode(TEXTS), atol=1e-6)
    near = Pca(of=Hashing(dims=32), dims=4).fit(TEXTS)
    np.testing.assert_allclose(whole.explained_variance_ratio_, near.explained_variance_ratio_, atol=1e-4)


def test_a_component_points_where_its_largest_entry_is_positive_whatever_the_order_of_texts():
    one = Pca(of=Hashing(dims=32), dims=5).fit(TEXTS)
    other = Pca(of=Hashing(dims=32), dims=5).fit(TEXTS[::-1])
    assert (one.components_.max(axis=1) == np.abs(one.components_).max(axis=1)).all()
    np.testing.assert_allclose(one.encode(TEXTS), other.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "dims"), [(["a"], 1), (["a", "a"], 1), (["a", "b"], 1), (["a", "b", "c"], 2)], ids=str
)
@pytest.mark.parametrize("whiten", [False, True])
def test_few_texts_get_as_many_dimensions_as_they_span(texts, dims, whiten):
    vectors = Pca(of=Hashing(dims=128), dims=64, whiten=whiten).fit(texts).encode([*texts, "new", ""])
    assert vectors.shape == (len(texts) + 2, dims)
    assert np.isfinite(vectors).all()


def test_whitened_dimensions_have_variance_one():
    vectors = Pca(of=Hashing(dims=64), dims=8, whiten=True).fit(TEXTS).encode(TEXTS)
    np.testing.assert_allclose(vectors.std(axis=0), 1, atol=1e-4)


def test_it_reads_what_its_part_reads_and_says_what_that_says():
    assert [Pca(of=part).input for part in (Hashing(), Pixels(), Captioned(), Behaviour())] == [
        "texts", "images", "multimodal", "histories",
    ]  # fmt: skip
    assert not getattr(Pca(of=Hashing()), "pointwise", False)
    made = Pca(of=Marking(), dims=2).fit(TEXTS)
    made.encode(["", "word " * 50, "bread"])
    assert made.marks_["truncated"].tolist() == [False, True, False]
    assert made.marks_["missing"].tolist() == [True, False, False]


@pytest.mark.parametrize("part", [Marking(), Behaviour(), Captioned(), Concat(of=[Pixels(), Hashing()])], ids=str)
def test_it_passes_the_kit_whatever_its_part_reads(part):
    card = examine(Pca(of=part, dims=24), checks=OWN)
    assert card.passed, card.of("failed")


def test_what_cannot_be_reduced_is_refused():
    with pytest.raises(DataError, match=r"65,536 numbers, and takes at most 16,384\nChoose fewer dimensions"):
        Pca(of=Hashing(dims=65_536)).fit(["a", "b"])
    with pytest.raises(DataError, match="no training inputs"):
        Pca(of=Hashing()).fit([])
    with pytest.raises(NotFitted):
        Pca(of=Hashing()).encode(TEXTS)
    with pytest.raises(InvalidParameter, match="of: required"):
        Pca()
