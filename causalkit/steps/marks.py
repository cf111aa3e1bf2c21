"""What encoders say of single inputs, and in words what that adds up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import MARKS
from causalkit.errors import nearest
from causalkit.steps import soundness

__all__ = ["Marks", "absent", "marks_of", "notes"]

Marks = Mapping[str, npt.NDArray[Any]]
_COSINE = "cosine"
_SAID = {
    "texts": {"missing": "{} have no text", "truncated": "the texts of {} were cut at the model's limit"},
    "images": {"missing": "{} have no image", "unreadable": "the images of {} cannot be read"},
    "histories": {
        "missing": "{} have no history to read",
        "truncated": "the histories of {} were cut at the model's limit",
    },
    "multimodal": {
        "missing": "{} lack a text or an image",
        "unreadable": "the images of {} cannot be read",
        "truncated": "the texts of {} were cut at the model's limit",
    },
}
_PLAIN = {"missing": "{} have nothing to read", "unreadable": "{} cannot be read", "truncated": "{} were cut"}


def marks_of(encoder: Any, rows: int, by: str) -> Marks:
    """The marks that an encoder left for the `rows` inputs of its last call, by name; empty where it left none.

    Raises
    ------
    ComponentError : a mark that the frame does not know, of another length, or of another kind of number.
    """
    made = getattr(encoder, "marks_", None)
    if made is None:
        return {}
    if not isinstance(made, Mapping):
        soundness.refuse(by, f"{soundness.named(made)} as `marks_`", "arrays by name, one value per input")
    return {name: _mark(name, value, rows, by) for name, value in made.items()}


def _mark(name: Any, value: Any, rows: int, by: str) -> npt.NDArray[Any]:
    if name not in MARKS:
        soundness.refuse(by, f"the mark {name!r}{nearest(str(name), MARKS)}", f"marks among {', '.join(MARKS)}")
    kind, must = ("f" if name == _COSINE else "b"), f"`{name}` as {MARKS[name].partition(':')[0]} [{rows}]"
    array = np.asarray(value)
    if array.shape != (rows,) or array.dtype.kind != kind:
        soundness.refuse(by, f"the mark `{name}` as {array.dtype} {list(array.shape)}", must)
    if name != _COSINE:
        return array
    with np.errstate(invalid="ignore"):
        if (np.abs(array) > 1.001).any():
            soundness.refuse(by, "the mark `cosine` outside of -1 to 1", f"{must}, each in [-1, 1] or NaN")
    return array.astype(np.float32)


def absent(name: str, rows: int) -> npt.NDArray[Any]:
    """What a mark is of inputs of which nothing is said."""
    return np.full(rows, np.nan, np.float32) if name == _COSINE else np.zeros(rows, bool)


def notes(marks: Marks, kind: str, side: str, rows: int) -> Iterator[str]:
    """What the marks of `rows` inputs of one `kind` add up to, a sentence each; `side` is `item` or `user`."""
    for name, said in {**_PLAIN, **_SAID.get(kind, {})}.items():
        count = int(marks[name].sum()) if name in marks else 0
        if count:
            yield said.format(f"{count:,} of {rows:,} {side}s")
    cosine = marks.get(_COSINE, absent(_COSINE, 0))
    known = cosine[np.isfinite(cosine)]
    if len(known):
        told = f"at least {_short(known.min())}, mean {_short(known.mean(dtype=np.float64))}"
        yield f"cosine with vectors at full precision: {told}, measured on {len(known):,} of {rows:,} {side}s"


def _short(cosine: Any) -> str:
    """Rounded down, so that `at least` holds."""
    return f"{np.floor(float(cosine) * 1e4) / 1e4:.4f}"
