"""How checks of encoders use one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.testing.checks._inputs import inputs_of
from causalkit.testing.kit import NotApplicable, Subject
from causalkit.types import EmbeddingTable

__all__ = ["assert_same", "encoded", "explained", "fitted", "one_vector", "reads", "told", "tried_on"]

_TOLERANCE = 1e-4
"""How far two vectors of one input may be apart, as a share of the longest: rounding, on any device."""


def reads(subject: Subject) -> str:
    """What the subject reads, by name in `INPUTS`."""
    return str(getattr(subject.example, "input", "texts"))


def tried_on(subject: Subject) -> list[Any]:
    """What it is tried on, anew each time."""
    return list(inputs_of(subject.example, subject.folder / "inputs"))


def fitted(subject: Subject, given: Sequence[Any] | None = None, context: Context = Context()) -> Any:
    """A copy of the subject, fitted."""
    made = subject.fresh()
    made.fit(list(tried_on(subject) if given is None else given), context=context)
    return made


def encoded(made: Any, given: Sequence[Any], context: Context = Context()) -> npt.NDArray[np.float32]:
    """Vectors that are sound; what is wrong with others is told by checks of their own."""
    vectors = np.asarray(made.encode(list(given), context=context))
    if vectors.ndim != 2 or len(vectors) != len(given) or not np.isfinite(vectors).all():
        raise NotApplicable("its vectors are of the wrong shape, or not finite")
    return vectors


def one_vector(made: Any, one: Any, said: str) -> None:
    """Fails unless an input, `said` in words, gets one finite vector."""
    try:
        vector = np.asarray(made.encode([one], context=Context()))
    except Exception as error:  # what an odd input brings about is not known beforehand
        raise AssertionError(f"{said} raised {type(error).__name__}: {error}") from None
    assert vector.shape[:1] == (1,), f"{said} got {len(vector)} vectors"
    assert np.isfinite(vector).all(), f"{said} got a vector that is not finite"


def assert_same(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], what: str) -> None:
    """Fails unless `a`, told as `what`, is `b` to within rounding."""
    assert a.shape == b.shape, f"{what}: shape {a.shape} instead of {b.shape}"
    size = float(np.linalg.norm(b, axis=1).max(initial=0))
    apart = float(np.abs(a - b).max(initial=0))
    assert apart <= _TOLERANCE * max(size, 1e-12), (
        f"{what}: vectors that are up to {apart:.2g} apart, of a length of {size:.2g}; they must be the same"
    )


def explained(x: Any, y: Any, x_new: Any, y_new: Any) -> float:
    """Share of the variance of `y_new` that a ridge explains, its penalty chosen by leave-one-out."""
    mean, scale = x.mean(0), max(float(x.std()), 1e-12)
    x, x_new, centre = (x - mean) / scale, (x_new - mean) / scale, y.mean()
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    uy = u.T @ (y - centre)
    best = (np.inf, np.zeros(x.shape[1]))
    for penalty in 10.0 ** np.arange(-2, 5):
        shrunk = s**2 / (s**2 + penalty)
        left = (y - centre) - u @ (shrunk * uy)
        error = float(((left / (1 - (u**2 @ shrunk) - 1 / len(y))) ** 2).mean())
        best = min(best, (error, vt.T @ (s / (s**2 + penalty) * uy)), key=lambda pair: pair[0])
    return float(1 - ((y_new - centre - x_new @ best[1]) ** 2).mean() / ((y_new - centre) ** 2).mean())


def told(inputs: Sequence[Any]) -> list[Any]:
    """Inputs in a form that compares, arrays by their bytes."""
    return [tuple(_told(value) for value in vars(one).values()) if hasattr(one, "__dict__") else one for one in inputs]


def _told(value: Any) -> Any:
    if isinstance(value, EmbeddingTable):
        return tuple(value.ids), value.vectors.tobytes()
    if isinstance(value, Mapping):
        return tuple((name, _told(inner)) for name, inner in value.items())
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype == object else (str(value.dtype), value.tobytes())
    return value
