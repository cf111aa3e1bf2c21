"""What an encoder may say of single inputs: `marks_`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import MARKS, Context
from causalkit.testing.checks._encoding import encoded, fitted, reads, tried_on
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Multimodal

_LONG = "word " * 20_000
"""Longer than most models' limit."""


@check("encoder")
def marks_are_sound(subject: Subject) -> None:
    """Marks are arrays by the names in `MARKS`: bool, and float32 in [-1, 1] or NaN for `cosine`."""
    inputs = tried_on(subject)
    made = fitted(subject)
    marks = _marks(made, inputs)
    for name, mark in marks.items():
        assert name in MARKS, f"a mark is called {name!r}; marks are {', '.join(MARKS)}"
        assert isinstance(mark, np.ndarray), f"{name} is a {type(mark).__name__}; give a numpy array"
        wanted = np.dtype(np.float32 if name == "cosine" else bool)
        assert mark.dtype == wanted, f"{name} is of dtype {mark.dtype}; give {wanted}"
        assert mark.shape == (len(inputs),), f"{name} has shape {mark.shape} for {len(inputs)} inputs; one value each"
        if name == "cosine":
            known = mark[~np.isnan(mark)]
            assert (np.abs(known) <= 1 + 1e-3).all(), f"a cosine is {known[np.abs(known).argmax()]:g}"


@check("encoder")
def marks_go_with_inputs(subject: Subject) -> None:
    """Marks are of the last call alone, each in the place of its input."""
    inputs, made = _some_marked(subject), fitted(subject)
    before = {name: np.asarray(mark).copy() for name, mark in _marks(made, inputs).items()}
    order = np.random.default_rng(3).permutation(len(inputs))[: len(inputs) - 2]
    after = _marks(made, [inputs[i] for i in order])
    for name, mark in before.items():
        now = np.asarray(after.get(name, np.zeros(0)))
        assert now.shape == (len(order),), (
            f"{name} has shape {now.shape} after a call with {len(order)} inputs, and one with {len(inputs)} before; "
            "set `marks_` anew in each call"
        )
        if name != "cosine":  # which may be measured on some of the inputs
            assert np.array_equal(now, mark[order]), f"inputs in another order do not take their {name} along"
    left = getattr(made, "marks_", {})
    made.encode([], context=Context())
    for name, mark in dict(getattr(made, "marks_", None) or {}).items():
        assert len(mark) == 0, f"{name} has {len(mark)} values after a call without inputs: {left.keys()}"


@check("encoder")
def marks_tell(subject: Subject) -> None:
    """Where they are given, `truncated` tells texts that were not read to the end, and `missing` empty inputs."""
    made = fitted(subject)
    known = set(_marks(made, tried_on(subject))) & {"missing", "truncated" if _has_text(subject) else ""}
    if not known:
        raise NotApplicable("it marks neither what it cuts nor what is missing")
    if "missing" in known:
        told = np.asarray(_marks(made, _whole_and_lacking(subject))["missing"]).tolist()
        assert told == [False, True], f"`missing` is {told} for an input that is there and one that is empty"
    if "truncated" in known:
        short, *long = (_text(subject, text) for text in ("bread", *_unlike_in_the_end(subject)))
        one, other = (encoded(made, [text]) for text in long)
        told = [bool(np.asarray(_marks(made, [text])["truncated"]).all()) for text in (short, long[0])]
        assert not told[0], "`truncated` is true for a text of a single word"
        assert told[1] or not np.array_equal(one, other), (
            "`truncated` is false for a text of 20,000 words, whose end changes nothing"
        )


def _unlike_in_the_end(subject: Subject) -> tuple[str, str]:
    """Two long texts that share all but their ends."""
    texts = [str(getattr(one, "text", one)) for one in tried_on(subject)]
    return _LONG + " ".join(texts[:12]), _LONG + " ".join(texts[12:])


def _marks(made: Any, inputs: Sequence[Any]) -> Mapping[str, npt.NDArray[Any]]:
    encoded(made, inputs)
    marks = getattr(made, "marks_", None)
    if not marks:
        raise NotApplicable("it marks nothing")
    assert isinstance(marks, Mapping), f"`marks_` is a {type(marks).__name__}; give arrays by name"
    return marks


def _has_text(subject: Subject) -> bool:
    return reads(subject) in ("texts", "multimodal")


def _text(subject: Subject, text: str) -> Any:
    return Multimodal(text, tried_on(subject)[0].image) if reads(subject) == "multimodal" else text


def _some_marked(subject: Subject) -> list[Any]:
    """The usual inputs, and some of which there is something to say."""
    inputs = tried_on(subject)
    return [*inputs, _text(subject, _LONG), _text(subject, "")] if _has_text(subject) else inputs


def _whole_and_lacking(subject: Subject) -> list[Any]:
    inputs = tried_on(subject)
    lacking = {"texts": "", "images": "", "multimodal": Multimodal()}
    return [inputs[0], inputs[2] if reads(subject) == "histories" else lacking[reads(subject)]]
