"""Components that fail the checks in `causalkit.testing.checks.encoder_inputs`."""

from __future__ import annotations

import numpy as np

from causalkit.components import Context, component
from tests.testing.mutants import Make
from tests.testing.mutants._words import Words
from tests.testing.mutants.encoder import Captioned, Liked, Pixels

HEALTHY: list[Make] = []


@component
class Copying(Words):
    """Takes its inputs for a list."""

    def fit(self, inputs, *, context: Context = Context()):
        return super().fit(inputs.copy(), context=context)


@component
class Opening(Pixels):
    """Opens the image that is not there."""

    def encode(self, inputs, *, context: Context = Context()):
        for path in inputs:
            with open(path, "rb"):
                pass
        return super().encode(inputs, context=context)


@component
class Averaging(Liked):
    """The mean over no items."""

    def encode(self, inputs, *, context: Context = Context()):
        vectors = super().encode(inputs, context=context)
        with np.errstate(invalid="ignore"):
            return np.where(vectors.any(1, keepdims=True), vectors, np.float32(np.nan))


@component
class Silent(Captioned):
    """Reads what is no image as none, and does not say so."""

    def encode(self, inputs, *, context: Context = Context()):
        vectors = super().encode(inputs, context=context)
        del self.marks_
        return vectors


@component
class Crashing(Pixels):
    """Says of a broken image what the library said."""

    def pixels(self, path):
        found = super().pixels(path)
        if found is None:
            raise ValueError("cannot identify image file")
        return found


@component
class Summing(Liked):
    """Weighs items by the exponential of the outcome."""

    def encode(self, inputs, *, context: Context = Context()):
        vectors = super().encode(inputs, context=context)
        with np.errstate(over="ignore", invalid="ignore"):
            weights = [np.exp(history.outcome).mean() if len(history.outcome) else 1 for history in inputs]
            return vectors * np.array(weights, np.float32).reshape(-1, 1)


@component
class Counting(Liked):
    """How long a history is."""

    def encode(self, inputs, *, context: Context = Context()):
        return np.array([[len(history.items)] for history in inputs], np.float32).reshape(-1, 1)


@component
class Scaling(Words):
    """Brings each dimension to variance 1, of one input too."""

    def fit(self, inputs, *, context: Context = Context()):
        super().fit(inputs, context=context)
        self.spread_ = super().encode(inputs, context=context).std(0)
        return self

    def encode(self, inputs, *, context: Context = Context()):
        with np.errstate(invalid="ignore", divide="ignore"):
            return super().encode(inputs, context=context) / self.spread_


MUTANTS: dict[str, Make] = {
    "encoder/any-sequence-will-do": lambda _: Copying(),
    "encoder/what-is-missing-stands": lambda _: Averaging(),
    "encoder/broken-images-are-told": lambda _: Silent(),
    "encoder/odd-histories-stand": lambda _: Summing(),
    "encoder/histories-that-tell-are-read": lambda _: Counting(),
    "encoder/few-inputs-stand": lambda _: Scaling(),
}
FURTHER: list[tuple[str, Make]] = [
    ("encoder/what-is-missing-stands", lambda _: Opening()),
    ("encoder/broken-images-are-told", lambda _: Crashing()),
]
"""The same checks failed in other ways."""
