"""Components that pass, and that fail, the checks in `causalkit.testing.checks.encoder_holding`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from causalkit.components import Context, Encoder, clone, component
from causalkit.errors import InvalidParameter, Problem
from tests.testing.mutants import Make
from tests.testing.mutants.encoder import Hashed


@component
class Sum:
    """The sum of two encoders' vectors, as long as the shorter."""

    one: Encoder
    "The first."
    other: Encoder
    "The second."

    def __post_init__(self):
        if self.one.input != self.other.input:
            raise InvalidParameter("Sum", [Problem("other", f": reads {self.other.input}, not {self.one.input}")])

    @property
    def input(self):
        return self.one.input

    @property
    def pointwise(self):
        return self.one.pointwise and self.other.pointwise

    def fit(self, inputs, *, context: Context = Context()):
        self.parts_ = [clone(part).fit(inputs, context=context) for part in (self.one, self.other)]
        return self

    def encode(self, inputs, *, context: Context = Context()):
        one, other = (part.encode(inputs, context=context) for part in self.parts_)
        width = min(one.shape[1], other.shape[1])
        self.marks_ = getattr(self.parts_[0], "marks_", {}) | getattr(self.parts_[1], "marks_", {})
        return (one[:, :width] + other[:, :width]).astype(np.float32)


@component
class OfTexts(Sum):
    """Says that it reads texts, whatever it holds."""

    input: ClassVar[str] = "texts"


@component
class OfTheFirst(Sum):
    """Gives the second what the first reads."""

    def __post_init__(self):
        pass


@component
class Pointed(Sum):
    """Says that it is pointwise, whatever it holds."""

    pointwise: ClassVar[bool] = True


@component
class Keeping(Sum):
    """Keeps to itself what its parts say."""

    def encode(self, inputs, *, context: Context = Context()):
        vectors = super().encode(inputs, context=context)
        self.marks_ = {}
        return vectors


def of(cls) -> Make:
    """What makes one that holds two healthy encoders."""
    return lambda _: cls(one=Hashed(), other=Hashed(size=128))


HEALTHY: list[Make] = [of(Sum)]
MUTANTS: dict[str, Make] = {
    "encoder/parts-get-what-they-read": of(OfTheFirst),
    "encoder/as-pointwise-as-its-parts": of(Pointed),
    "encoder/marks-of-parts-are-passed-on": of(Keeping),
}
FURTHER: list[tuple[str, Make]] = [("encoder/parts-get-what-they-read", of(OfTexts))]
"""The same checks failed in other ways."""
