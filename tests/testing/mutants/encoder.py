"""Components that pass, and that fail, the checks in `causalkit.testing.checks.encoder`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from zlib import crc32

import numpy as np

from causalkit.components import Context, component
from tests.testing.mutants import Make
from tests.testing.mutants._words import Words


@component
class Hashed:
    """Words by their hash: it learns nothing, and a vector hangs on its text alone."""

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    size: int = 64
    "Places that words are hashed to."

    def fit(self, inputs, *, context: Context = Context()):
        return self

    def encode(self, inputs, *, context: Context = Context()):
        vectors = np.zeros((len(inputs), self.size), np.float32)
        for row, text in enumerate(inputs):
            for word in text.lower().split():
                vectors[row, crc32(word.encode()) % self.size] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@component
class Liked:
    """The mean vector of the items of a history; nothing where none has."""

    input: ClassVar[str] = "histories"

    def fit(self, inputs, *, context: Context = Context()):
        self.width_ = next(history.vectors.vectors.shape[1] for history in inputs)
        return self

    def encode(self, inputs, *, context: Context = Context()):
        vectors = np.zeros((len(inputs), self.width_), np.float32)
        for row, history in enumerate(inputs):
            found = history.vectors.at(history.items)
            known = np.isfinite(found).all(1)
            if known.any():
                vectors[row] = found[known].mean(0)
        return vectors


@component
class Pixels:
    """A hash of an image file; 0 where there is none, and where what is there is no whole PNG."""

    input: ClassVar[str] = "images"

    def fit(self, inputs, *, context: Context = Context()):
        return self

    def encode(self, inputs, *, context: Context = Context()):
        found = [self.pixels(path) for path in inputs]
        self.marks_ = {
            "missing": np.array([not path for path in inputs], bool),
            "unreadable": np.array([pixels is None for pixels in found], bool),
        }
        return np.array([pixels or 0 for pixels in found], np.float32).reshape(-1, 1)

    def pixels(self, path):
        if not path:
            return 0
        data = Path(path).read_bytes() if Path(path).is_file() else b""
        return crc32(data) % 1000 if data.startswith(b"\x89PNG") and b"IEND" in data else None


@component
class Captioned(Hashed):
    """Words by their hash, and the image beside them."""

    input: ClassVar[str] = "multimodal"

    def encode(self, inputs, *, context: Context = Context()):
        texts = super().encode([one.text for one in inputs], context=context)
        seer = Pixels()
        images = seer.encode([one.image for one in inputs], context=context) / 1000
        missing = np.array([not (one.text and one.image) for one in inputs], bool)
        self.marks_ = seer.marks_ | {"missing": missing}
        return np.concatenate([texts, images], 1)


HEALTHY: list[Make] = [
    lambda _: Words(),
    lambda _: Words(most=60),
    lambda _: Hashed(),
    lambda _: Liked(),
    lambda _: Pixels(),
    lambda _: Captioned(),
]


def changed(change, base=Words):
    """The base, and something done to the vectors it gives: `change(vectors, inputs, context, made)`."""

    @component
    class Mutant(base):
        """Does it otherwise."""

        def encode(self, inputs, *, context: Context = Context()):
            return change(super().encode(inputs, context=context), inputs, context, self)

    return lambda _: Mutant()


@component
class Undeclared(Words):
    """Reads sounds."""

    input: ClassVar[str] = "sounds"


@component
class Forgetful(Words):
    """Forgets to return itself."""

    def fit(self, inputs, *, context: Context = Context()):
        super().fit(inputs, context=context)


@component
class Narrowed(Words):
    """As wide as what it is asked needs."""

    def encode(self, inputs, *, context: Context = Context()):
        vectors = super().encode(inputs, context=context)
        return vectors[:, : len(np.unique(np.nonzero(vectors)[1])) or 1]


@component
class Cheeky(Words):
    """Takes words that it was not fitted on for a mistake."""

    def encode(self, inputs, *, context: Context = Context()):
        for text in inputs:
            for word in text.split():
                if word.isalpha() and word.islower() and len(word) < 9:
                    self.words_[word]
        return super().encode(inputs, context=context)


@component
class Sorting(Words):
    """Sorts what it is given."""

    def fit(self, inputs, *, context: Context = Context()):
        inputs.sort()
        return super().fit(inputs, context=context)


@component
class Hoarding(Words):
    """Adds what it learns to what it had learned."""

    def fit(self, inputs, *, context: Context = Context()):
        known = dict(getattr(self, "words_", {}))
        super().fit(inputs, context=context)
        for word in self.words_:
            known.setdefault(word, len(known))
        self.words_ = known
        return self


@component
class Eager(Words):
    """Encodes before it is fitted."""

    def encode(self, inputs, *, context: Context = Context()):
        if "words_" not in vars(self):
            return np.zeros((len(inputs), 3), np.float32)
        return super().encode(inputs, context=context)


@component
class Laden(Hashed):
    """Keeps what it loads."""

    def encode(self, inputs, *, context: Context = Context()):
        self._table = np.zeros(50_000)
        return super().encode(inputs, context=context)


@component
class Claiming(Words):
    """Says that a vector hangs on its text alone; it hangs on the words of all."""

    pointwise: ClassVar[bool] = True


@component
class Ascii(Words):
    """Stumbles over what is not ASCII."""

    def encode(self, inputs, *, context: Context = Context()):
        for text in inputs:
            text.encode("ascii")
        return super().encode(inputs, context=context)


def _empty_gives_one_row(vectors, inputs, context, made):
    return vectors if len(inputs) else np.zeros((1, vectors.shape[1]), np.float32)


def _numbered(vectors, inputs, context, made):
    """The first of two equal inputs is told from the second."""
    seen: set[str] = set()
    for row, text in enumerate(inputs):
        vectors[row, 0] += text in seen
        seen.add(text)
    return vectors


def _noisy(vectors, inputs, context, made):
    return (vectors + 0.01 * np.random.normal(size=vectors.shape)).astype(np.float32)  # noqa: NPY002 (the fault)


MUTANTS: dict[str, Make] = {
    "encoder/declares-its-input": lambda _: Undeclared(),
    "encoder/fit-returns-itself": lambda _: Forgetful(),
    "encoder/gives-float32-rows": changed(lambda v, *_: v.astype(np.float64)),
    "encoder/vectors-are-finite": changed(lambda v, *_: np.where(v > 0, v, np.float32(np.nan))),
    "encoder/vectors-differ": changed(lambda v, *_: np.ones_like(v)),
    "encoder/width-stays": lambda _: Narrowed(),
    "encoder/rows-go-with-inputs": changed(lambda v, *_: v[::-1]),
    "encoder/equal-inputs-get-equal-vectors": changed(_numbered),
    "encoder/a-vector-is-its-inputs-own": changed(lambda v, *_: v - v.mean(0) if len(v) else v),
    "encoder/no-inputs-give-no-vectors": changed(_empty_gives_one_row),
    "encoder/odd-texts-stand": lambda _: Ascii(),
    "encoder/new-inputs-are-encoded": lambda _: Cheeky(),
    "encoder/leaves-inputs-alone": lambda _: Sorting(),
    "encoder/repeats": changed(_noisy),
    "encoder/fit-begins-anew": lambda _: Hoarding(),
    "encoder/unfitted-is-refused": lambda _: Eager(),
    "encoder/pointwise-is-true": lambda _: Claiming(),
    "encoder/what-encode-loads-stays-here": lambda _: Laden(),
    "encoder/text-that-tells-is-read": lambda _: Words(most=1),
}


@component
class Centring(Liked):
    """Centres the items' vectors where they lie."""

    def fit(self, inputs, *, context: Context = Context()):
        vectors = inputs[0].vectors.vectors
        vectors -= vectors.mean(0)
        return super().fit(inputs, context=context)


FURTHER: list[tuple[str, Make]] = [
    ("encoder/leaves-inputs-alone", lambda _: Centring()),
    ("encoder/a-vector-is-its-inputs-own", changed(lambda v, *_: v - v.mean(0) if len(v) else v, Liked)),
]
"""The same checks failed in other ways."""
