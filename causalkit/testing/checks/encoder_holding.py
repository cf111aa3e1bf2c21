"""What an encoder must do that holds others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from causalkit.components import INPUTS, Context
from causalkit.errors import CausalkitError
from causalkit.parameters import field_kinds
from causalkit.testing.checks._encoding import told
from causalkit.testing.checks._inputs import inputs_reading
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import History, Multimodal


class _Part:
    """An encoder that notes what it is given which it does not read; a vector is a hash of its input."""

    def __init__(self, read: str, pointwise: bool = True) -> None:
        self.input, self.pointwise = read, pointwise
        self.strange: list[Any] = []
        self.marks_: dict[str, npt.NDArray[np.bool_]] = {}

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> _Part:
        """Note what is no input of its own."""
        self.strange += [one for one in inputs if not _is(one, self.input)]
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Four numbers for each input, which all count as cut."""
        self.fit(inputs)
        self.marks_ = {"truncated": np.ones(len(inputs), bool)}
        seeds = [crc32(repr(told([one])).encode()) for one in inputs]
        rows = [np.random.default_rng(seed).normal(size=4) for seed in seeds]
        return np.array(rows, np.float32).reshape(-1, 4)


@check("encoder")
def parts_get_what_they_read(subject: Subject) -> None:
    """Encoders that it holds are given what they read, whichever that is; or it refuses them (`InvalidParameter`)."""
    used = 0
    for reading in _readings(subject):
        parts = [_Part(read) for read in reading]
        if (made := _holding(subject, parts)) is None:
            continue
        named = getattr(made, "input", None)
        said = f"holding encoders of {', '.join(reading)}"
        assert named in INPUTS, f"{said} its `input` is {named!r}; it must be one of {', '.join(INPUTS)}"
        inputs = list(inputs_reading(named, subject.folder / "inputs"))
        try:
            made.fit(inputs, context=Context()).encode(inputs, context=Context())
        except CausalkitError:
            continue
        used += 1
        for part in parts:
            strange = f"{part.strange[0]!r:.80}" if part.strange else ""
            assert not strange, (
                f"{said} its `input` is {named!r}, and one that reads {part.input} is given {strange}; "
                "make `input` a property that tells what its parts read"
            )
    if not used:
        raise NotApplicable("it refuses the encoders that it is tried with")


@check("encoder")
def as_pointwise_as_its_parts(subject: Subject) -> None:
    """It is not `pointwise` where an encoder that it holds is not: its vectors would be kept for other logs."""
    count, read = _held(subject), str(getattr(subject.example, "input", "texts"))
    made = _holding(subject, [_Part(read, pointwise=False)] * count)
    if made is None:
        raise NotApplicable("it refuses the encoders that it is tried with")
    assert not getattr(made, "pointwise", False), (
        "it says that it is pointwise while an encoder that it holds is not; make `pointwise` a property"
    )


@check("encoder")
def marks_of_parts_are_passed_on(subject: Subject) -> None:
    """What the encoders that it holds say of inputs it says too: the user is told of texts that were cut."""
    count, read = _held(subject), str(getattr(subject.example, "input", "texts"))
    made = _holding(subject, [_Part(read) for _ in range(count)])
    if made is None:
        raise NotApplicable("it refuses the encoders that it is tried with")
    inputs = list(inputs_reading(read, subject.folder / "inputs"))
    made.fit(inputs, context=Context()).encode(inputs, context=Context())
    marked = dict(getattr(made, "marks_", None) or {}).get("truncated", ())
    assert np.asarray(marked).tolist() == [True] * len(inputs), (
        "encoders that it holds marked all inputs as `truncated`, and its own `marks_` do not say so"
    )


def _readings(subject: Subject) -> Iterator[tuple[str, ...]]:
    """What the encoders that it holds may read: all the same, or, of several, one another thing."""
    count = _held(subject)
    for read in INPUTS:
        yield (read,) * count
    for first, rest in (("texts", "images"), ("images", "multimodal"), ("texts", "histories")):
        if count > 1:
            yield (first, *(rest,) * (count - 1))


def _held(subject: Subject) -> int:
    """How many encoders it holds."""
    own = subject.example.get_params(deep=False)
    count = sum(len(list(_encoders(own[name]))) for name in _fields(subject))
    if not count:
        raise NotApplicable("it holds no encoder")
    return count


def _holding(subject: Subject, parts: Sequence[_Part]) -> Any:
    """A copy that holds `parts` in the place of its own; None where it refuses them."""
    waiting, made = iter(parts), subject.fresh()
    own = made.get_params(deep=False)
    try:
        return made.set_params(**{name: _replaced(own[name], waiting) for name in _fields(subject)})
    except CausalkitError:
        return None


def _fields(subject: Subject) -> list[str]:
    return [name for name, kind in field_kinds(subject.cls).items() if kind == "encoder"]


def _encoders(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _encoders(inner)
    elif hasattr(value, "encode"):
        yield value


def _replaced(value: Any, waiting: Iterator[_Part]) -> Any:
    if isinstance(value, Mapping):
        return {name: _replaced(inner, waiting) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(inner, waiting) for inner in value)
    return next(waiting) if hasattr(value, "encode") else value


def _is(one: Any, read: str) -> bool:
    """Whether an input is of the sort that `read` names."""
    if read == "images":
        return isinstance(one, str) and (not one or Path(one).is_file())
    if read == "texts":
        return isinstance(one, str) and not (one.endswith(".png") and Path(one).is_file())
    return isinstance(one, History if read == "histories" else Multimodal)
