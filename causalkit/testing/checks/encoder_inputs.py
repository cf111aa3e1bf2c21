"""What an encoder must make of the inputs of real logs: with gaps, broken, few, and of any sort of sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from causalkit.components import Context
from causalkit.errors import CausalkitError
from causalkit.testing.checks._encoding import assert_same, encoded, explained, fitted, one_vector, reads, tried_on
from causalkit.testing.checks._inputs import planted_histories
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Histories, History, Multimodal

_TOLD = 0.1
"""Share of a taste's variance that a ridge must find, where what was shown and done hangs on four tastes."""


class _Lazy(Sequence[Any]):
    """Inputs that are no list."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self._inputs = tuple(inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, place: Any) -> Any:
        found = self._inputs[place]
        return list(found) if isinstance(place, slice) else found


@check("encoder")
def any_sequence_will_do(subject: Subject) -> None:
    """Inputs come in any sequence, such as one that reads them when they are asked for: not in lists alone."""
    inputs = tried_on(subject)
    given = Histories.of(inputs) if reads(subject) == "histories" else _Lazy(inputs)
    made = subject.fresh()
    try:
        made.fit(given, context=Context())
        vectors = np.asarray(made.encode(given, context=Context()))
    except Exception as error:  # which it is depends on what it takes a sequence for
        raise AssertionError(
            f"a sequence that is no list raised {type(error).__name__}: {error}; use its length, loops and indices"
        ) from None
    assert_same(vectors, encoded(fitted(subject), inputs), "a sequence that is no list")


@check("encoder")
def what_is_missing_stands(subject: Subject) -> None:
    """A missing image, an item with no text or no image, and a user without a history get finite vectors."""
    if reads(subject) == "texts":
        raise NotApplicable("a missing text is an empty one")
    made, inputs = fitted(subject), tried_on(subject)
    for said, one in _lacking(reads(subject), inputs):
        one_vector(made, one, said)


def _lacking(read: str, inputs: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    if read == "images":
        yield "a missing image", ""
    elif read == "multimodal":
        yield "an item without an image", Multimodal(text="bread")
        yield "an item without a text", Multimodal(image=inputs[0].image)
        yield "an item without text and image", Multimodal()
    else:
        yield "a user without a history", inputs[2]
        yield "a user who saw one item only, which has no vector", inputs[3]


@check("encoder")
def broken_images_are_told(subject: Subject) -> None:
    """An image that cannot be read gets a finite vector and the mark `unreadable`: one of a million stops no run."""
    if reads(subject) not in ("images", "multimodal"):
        raise NotApplicable(f"it reads {reads(subject)}, not images")
    made = fitted(subject)
    for said, path in _broken(subject.folder / "broken", tried_on(subject)[0]):
        one = path if reads(subject) == "images" else Multimodal("bread", path)
        one_vector(made, one, said)
        marks = dict(getattr(made, "marks_", None) or {})
        wanted = ("unreadable",) if Path(path).exists() else ("unreadable", "missing")
        assert any(np.asarray(marks.get(name, False)).all() for name in wanted), (
            f"{said} got a vector and no mark: set `marks_['{wanted[-1]}']`, so that the user is told"
        )


def _broken(folder: Path, sound: Any) -> Iterator[tuple[str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    whole = Path(getattr(sound, "image", sound)).read_bytes()
    for name, said, data in (
        ("text.png", "a file that is no image", b"not an image"),
        ("empty.png", "an empty file", b""),
        ("cut.png", "an image that is cut off", whole[: len(whole) // 2]),
    ):
        (folder / name).write_bytes(data)
        yield said, str(folder / name)
    yield "an image that is not there", str(folder / "gone.png")


@check("encoder")
def odd_histories_stand(subject: Subject) -> None:
    """Histories of one row, of thousands, never exposed, and with huge or negative outcomes get finite vectors."""
    _reads_histories(subject)
    made, usual = fitted(subject), tried_on(subject)[0]
    for said, one in _odd(usual):
        one_vector(made, one, f"a history {said}")


def _odd(usual: History) -> Iterator[tuple[str, History]]:
    rows = len(usual.items)
    yield "of one row", _repeated(usual, slice(0, 1), 1)
    yield "of thousands of rows", _repeated(usual, slice(None), 500)
    yield "without exposure or outcome", replace(usual, exposed=np.zeros(rows, np.float32), outcome=_all(0, rows))
    for value in (-3.0, 1e30):
        yield f"whose outcomes are {value:g}", replace(usual, outcome=_all(value, rows))
    yield "of a hundred thousand periods ago", replace(usual, age=_all(1e5, rows))


def _all(value: float, rows: int) -> Any:
    return np.full(rows, value, np.float32)


def _repeated(usual: History, rows: slice, times: int) -> History:
    def of(values: Any) -> Any:
        return np.repeat(values[rows], times)

    signals = {name: of(values) for name, values in usual.signals.items()}
    columns = {name: of(getattr(usual, name)) for name in ("exposed", "outcome", "age", "weight")}
    return replace(usual, items=of(usual.items), signals=signals, **columns)


@check("encoder")
def histories_that_tell_are_read(subject: Subject) -> None:
    """Where users' taste shows in what they were shown and did, a ridge on vectors of new users finds some of it."""
    _reads_histories(subject)
    histories, taste = planted_histories(300)
    half = len(histories) // 2
    vectors = encoded(fitted(subject, histories[:half]), histories).astype(float)
    share = explained(vectors[:half], taste[:half], vectors[half:], taste[half:])
    assert share >= _TOLD, f"a ridge on its vectors explains {share:.0%} of users' taste; at least {_TOLD:.0%}"


@check("encoder")
def few_inputs_stand(subject: Subject) -> None:
    """Fitted on one input, or on two that are equal, it gives finite vectors, or refuses in words (`DataError`)."""
    inputs = tried_on(subject)
    for said, few in (("one input", inputs[:1]), ("two equal inputs", [inputs[0], inputs[0]])):
        try:
            vectors = np.asarray(fitted(subject, few).encode(few, context=Context()))
        except CausalkitError:
            continue
        except Exception as error:  # which it is depends on what is learned
            raise AssertionError(f"fitted on {said} it raised {type(error).__name__}: {error}") from None
        assert len(vectors) == len(few), f"fitted on {said} it gave {len(vectors)} vectors for {len(few)}"
        assert np.isfinite(vectors).all(), f"fitted on {said} its vectors are not finite"


def _reads_histories(subject: Subject) -> None:
    if reads(subject) != "histories":
        raise NotApplicable(f"it reads {reads(subject)}, not histories")
