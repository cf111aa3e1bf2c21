"""Several encoders' vectors side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, Encoder, clone, component
from causalkit.errors import InvalidParameter, Problem
from causalkit_plugins.encoders._held_marks import Marks, marks_left, of_any
from causalkit_plugins.encoders._texts import normalised

__all__ = ["Concat"]

Floats = npt.NDArray[np.float32]
_READS: dict[str, Callable[[Any], Any]] = {
    "texts": lambda one: one.text,
    "images": lambda one: one.image,
    "multimodal": lambda one: one,
}
"""What of an item's text and image an encoder reads, by its `input`."""


@component
class Concat:
    """Vectors of several encoders, side by side.

    Each part's vectors are brought to length 1 and scaled by the root of its share of the weights: the
    inner product of two vectors is the weighted mean of the parts' cosines. A part that has nothing to
    say of an input (all zeros) stays zero there. Encoders of texts, of images and of both may stand side
    by side: each is given what it reads.
    """

    of: Annotated[list[Encoder], Field(min_length=1)]
    "The encoders, in the order of their vectors."
    weights: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = []  # noqa: RUF012 (a field's default is copied)
    "A weight for each of them, such as [2, 1]; all the same where left out."
    normalise: bool = True
    "Bring each part's vectors to length 1 first; without it a part weighs by how long its vectors are, too."

    def __post_init__(self) -> None:
        if self.weights and len(self.weights) != len(self.of):
            said = f" = {self.weights}: {len(self.weights)} weights for {len(self.of)} encoders; give one for each"
            raise InvalidParameter("Concat", [Problem("weights", said)])
        read = {named for named in self._read() if isinstance(named, str)}
        if len(read) > 1 and not read <= set(_READS):
            said = f": these read {', '.join(sorted(read))}, and no input is all of that"
            todo = "Put encoders of texts, of images or of both side by side, or encoders of histories alone."
            raise InvalidParameter("Concat", [Problem("of", f"{said}. {todo}")])

    @property
    def input(self) -> str:
        """What all its encoders read; "multimodal" where they differ."""
        read = set(self._read())
        return str(read.pop()) if len(read) == 1 else "multimodal"

    @property
    def pointwise(self) -> bool:
        """Whether all its encoders are."""
        return all(getattr(part, "pointwise", False) for part in self.of)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Concat:
        """Fit each of the encoders; returns self."""
        self.of_ = [
            clone(part).fit(given, context=context.under(f"of.{place}"))
            for place, (part, given) in enumerate(zip(self.of, self._given(inputs), strict=True))
        ]
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), d]`, d the sum of the encoders' own; leaves `marks_` as they do."""
        vectors: list[Floats] = []
        marks: list[Marks] = []
        weights = np.array(self.weights or [1.0] * len(self.of))
        scales = np.sqrt(weights / weights.sum())
        for place, (part, given) in enumerate(zip(self.of_, self._given(inputs), strict=True)):
            made = np.asarray(part.encode(given, context=context.under(f"of.{place}")), np.float32)
            vectors.append(np.float32(scales[place]) * (normalised(made) if self.normalise else made))
            marks.append(marks_left(part))
        self.marks_ = of_any(marks)
        return np.concatenate(vectors, axis=1)

    def _read(self) -> list[Any]:
        return [getattr(part, "input", "texts") for part in self.of]

    def _given(self, inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """What each encoder is given of the inputs."""
        for read in self._read():
            yield inputs if read == self.input else _Of(inputs, _READS[read])


class _Of(Sequence[Any]):
    """A part of each input, taken when it is asked for."""

    def __init__(self, inputs: Sequence[Any], read: Callable[[Any], Any]) -> None:
        self._inputs, self._read = inputs, read

    def __len__(self) -> int:
        return len(self._inputs)

    def __iter__(self) -> Iterator[Any]:
        return map(self._read, self._inputs)

    def __getitem__(self, place: Any) -> Any:
        found = self._inputs[place]
        return [self._read(one) for one in found] if isinstance(place, slice) else self._read(found)
