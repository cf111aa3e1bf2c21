"""concat: parts stand side by side with their weights, each given what it reads, and what they say is kept."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from causalkit_plugins.encoders.behaviour import Behaviour
from causalkit_plugins.encoders.concat import Concat
from causalkit_plugins.encoders.hashing import Hashing
from causalkit_plugins.encoders.lsa import Lsa
from causalkit_plugins.encoders.pca import Pca

from causalkit.components import Context, component
from causalkit.errors import InvalidParameter
from causalkit.testing import checks_for, examine
from causalkit.testing.checks._inputs import inputs_reading
from causalkit.types import Multimodal
from tests.testing.mutants.encoder import Captioned, Pixels
from tests.testing.mutants.encoder_marks import Marking

TEXTS = ["fresh red apples", "ripe red apples", "paper towels", "", "kitchen paper, large pack"]
OWN = [one.id for one in checks_for("encoder") if one.id.startswith("encoder/")]


@component
class Told:
    """Two numbers, and the marks that it is made with."""

    input: ClassVar[str] = "texts"

    marks: dict[str, list[float]] = {}  # noqa: RUF012
    "Marks by name."

    def fit(self, inputs, *, context: Context = Context()):
        return self

    def encode(self, inputs, *, context: Context = Context()):
        kinds = {"cosine": np.float32}
        self.marks_ = {name: np.array(mark, kinds.get(name, bool)) for name, mark in self.marks.items()}
        return np.full((len(inputs), 2), context.root_seed, np.float32)


def test_the_inner_product_is_the_weighted_mean_of_the_parts_cosines():
    parts = [Hashing(dims=512), Lsa(dims=3, normalise=False)]
    made = Concat(of=parts, weights=[3, 1]).fit(TEXTS[:3]).encode(TEXTS[:3])
    assert (made.dtype, made.shape) == (np.float32, (3, 515))
    one, other = (part.fit(TEXTS[:3]).encode(TEXTS[:3]) for part in (Hashing(dims=512), Lsa(dims=3)))
    np.testing.assert_allclose(made @ made.T, 0.75 * one @ one.T + 0.25 * other @ other.T, atol=1e-6)


def test_a_part_with_nothing_to_say_stays_zero_and_one_that_is_not_normalised_stays_as_long():
    made = Concat(of=[Hashing(dims=8), Hashing(dims=16)]).fit(TEXTS).encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), [1, 1, 1, 0, 1], atol=1e-6)
    lsa = Lsa(dims=3, normalise=False)
    whole = Concat(of=[lsa], normalise=False).fit(TEXTS).encode(TEXTS)
    np.testing.assert_array_equal(whole, lsa.fit(TEXTS).encode(TEXTS))


def test_it_is_as_pointwise_as_its_parts():
    assert Concat(of=[Hashing(), Hashing(words=2)]).pointwise
    assert not Concat(of=[Hashing(), Lsa()]).pointwise
    assert not Concat(of=[Hashing(), Pca(of=Hashing())]).pointwise


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        ([Hashing(), Lsa()], "texts"),
        ([Pixels()], "images"),
        ([Pixels(), Lsa()], "multimodal"),
        ([Captioned(), Lsa()], "multimodal"),
        ([Behaviour(), Behaviour(exposed=1)], "histories"),
        ([Concat(of=[Pixels(), Hashing()]), Pca(of=Pixels())], "multimodal"),
    ],
    ids=str,
)
def test_it_reads_what_its_parts_read(parts, read):
    assert Concat(of=parts).input == read


def test_each_part_is_given_what_it_reads(tmp_path):
    inputs = inputs_reading("multimodal", tmp_path)
    made = Concat(of=[Pixels(), Hashing(), Captioned()]).fit(inputs).encode(inputs)
    texts, images = [one.text for one in inputs], [one.image for one in inputs]
    for part, given, columns in (
        (Pixels(), images, slice(0, 1)),
        (Hashing(), texts, slice(1, 257)),
        (Captioned(), inputs, slice(257, None)),
    ):
        alone = part.encode(given)
        size = np.linalg.norm(alone, axis=1, keepdims=True)
        expected = alone / np.where(size > 0, size, 1) / np.sqrt(3)
        np.testing.assert_allclose(made[:, columns], expected, atol=1e-6)


@pytest.mark.parametrize(
    "parts", [[Pixels(), Marking()], [Captioned(), Lsa(dims=4)], [Behaviour(), Behaviour()]], ids=str
)
def test_it_passes_the_kit_whatever_its_parts_read(parts):
    card = examine(Concat(of=parts), checks=OWN)
    assert card.passed, card.of("failed")


def test_marks_say_what_any_part_says_and_the_least_cosine():
    nan = np.nan
    one = Told(marks={"truncated": [1, 0, 0], "cosine": [0.9, nan, nan]})
    other = Told(marks={"truncated": [0, 0, 1], "missing": [0, 1, 0], "cosine": [0.5, 0.7, nan]})
    made = Concat(of=[one, other, Hashing()]).fit(TEXTS[:3])
    made.encode(TEXTS[:3])
    assert {name: mark.dtype for name, mark in made.marks_.items()} == {
        "cosine": np.float32, "missing": bool, "truncated": bool,
    }  # fmt: skip
    np.testing.assert_array_equal(made.marks_["truncated"], [True, False, True])
    np.testing.assert_array_equal(made.marks_["missing"], [False, True, False])
    np.testing.assert_allclose(made.marks_["cosine"], [0.5, 0.7, nan])
    plain = Concat(of=[Hashing()]).fit(TEXTS)
    plain.encode(TEXTS)
    assert plain.marks_ == {}


def test_parts_are_seeded_apart_and_fitted_copies_are_made():
    part = Told()
    made = Concat(of=[part, part], normalise=False).fit(TEXTS).encode(TEXTS[:1], context=Context(root_seed=3))
    assert made[0, 0] != made[0, 2]
    assert not hasattr(part, "marks_")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"of": []}, "of = "),
        ({"of": [Lsa], "weights": []}, "built"),
        ({"of": [Lsa(), Hashing()], "weights": [1]}, "1 weights for 2 encoders; give one for each"),
        ({"of": [Lsa()], "weights": [0]}, "greater than 0"),
        ({"of": [Lsa()], "weights": [float("inf")]}, "finite"),
        ({"of": [Lsa(), Behaviour()]}, "these read histories, texts, and no input is all of that. Put encoders"),
    ],
    ids=str,
)
def test_what_cannot_stand_side_by_side_is_refused(params, told):
    with pytest.raises(InvalidParameter, match=told):
        Concat(**params)


def test_inputs_of_parts_are_taken_when_they_are_asked_for():
    seen = []

    class Inputs(list):
        def __getitem__(self, place):
            seen.append(place)
            return super().__getitem__(place)

    class First(Hashing):
        def encode(self, inputs, *, context: Context = Context()):
            assert len(inputs) == 2
            assert (inputs[1], inputs[:1]) == ("b", ["a"])
            return super().encode(inputs, context=context)

    Concat(of=[First(), Pixels()]).fit(Inputs([Multimodal("a"), Multimodal("b")])).encode(
        Inputs([Multimodal("a"), Multimodal("b")])
    )
    assert seen == [1, slice(None, 1)]
