"""Components that pass, and that fail, the checks in `causalkit.testing.checks.encoder_marks`."""

from __future__ import annotations

import numpy as np

from causalkit.components import Context, component
from tests.testing.mutants import Make
from tests.testing.mutants.encoder import Hashed

_LIMIT = 40


@component
class Marking(Hashed):
    """Reads forty words of a text, and says where there were more, or none."""

    def encode(self, inputs, *, context: Context = Context()):
        words = [text.split() for text in inputs]
        self.marks_ = self.marks([len(one) for one in words])
        return super().encode([" ".join(one[:_LIMIT]) for one in words], context=context)

    def marks(self, counts):
        found = np.array(counts, int)
        return {"truncated": found > _LIMIT, "missing": found == 0}


@component
class Misnaming(Marking):
    """Has a mark of its own."""

    def marks(self, counts):
        return {"clipped": np.array(counts, int) > _LIMIT}


@component
class Numbering(Marking):
    """Says how many words were cut."""

    def marks(self, counts):
        return {"truncated": np.maximum(np.array(counts, int) - _LIMIT, 0)}


@component
class Overconfident(Marking):
    """Has a cosine above 1."""

    def marks(self, counts):
        return {"cosine": np.full(len(counts), 1.5, np.float32)}


@component
class Summed(Marking):
    """Says how many texts were cut, of all."""

    def marks(self, counts):
        return {"truncated": np.array([any(count > _LIMIT for count in counts)])}


@component
class Lasting(Marking):
    """Marks what it is given first."""

    def encode(self, inputs, *, context: Context = Context()):
        before = dict(vars(self)).get("marks_")
        vectors = super().encode(inputs, context=context)
        self.marks_ = before or self.marks_
        return vectors


@component
class Sorted(Marking):
    """Encodes the longest first, and leaves the marks in that order."""

    def marks(self, counts):
        return super().marks(sorted(counts, reverse=True))


@component
class Unaware(Marking):
    """Looks for what was cut after it was cut."""

    def marks(self, counts):
        return super().marks(np.minimum(np.array(counts, int), _LIMIT))


@component
class Careless(Marking):
    """Misses nothing."""

    def marks(self, counts):
        return super().marks(counts) | {"missing": np.zeros(len(counts), bool)}


HEALTHY: list[Make] = [lambda _: Marking()]
MUTANTS: dict[str, Make] = {
    "encoder/marks-are-sound": lambda _: Misnaming(),
    "encoder/marks-go-with-inputs": lambda _: Lasting(),
    "encoder/marks-tell": lambda _: Unaware(),
}
FURTHER: list[tuple[str, Make]] = [
    ("encoder/marks-are-sound", lambda _: Numbering()),
    ("encoder/marks-are-sound", lambda _: Overconfident()),
    ("encoder/marks-are-sound", lambda _: Summed()),
    ("encoder/marks-go-with-inputs", lambda _: Sorted()),
    ("encoder/marks-tell", lambda _: Careless()),
]
"""The same checks failed in other ways."""
