"""What encoders of texts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.errors import UsageError

__all__ = ["encode_distinct", "normalised", "refuse_absent", "without_model"]

Floats = npt.NDArray[np.float32]


def encode_distinct(
    encode: Callable[[list[str]], Floats], texts: Sequence[Any], name: Callable[[Any], str] = str
) -> Floats:
    """`encode` of each distinct text once, laid out in the order of `texts`."""
    place: dict[str, int] = {}
    at = [place.setdefault("" if text is None else name(text), len(place)) for text in texts]
    return encode(list(place))[at]


def normalised(vectors: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0, size, 1), np.float32)


def without_model(encoder: Any) -> dict[str, Any]:
    """What of an encoder goes to another process: all but the loaded model, which is loaded there again."""
    return {name: value for name, value in vars(encoder).items() if not name.startswith("_loaded")}


def refuse_absent(device: str) -> None:
    """Raise `UsageError` where torch cannot compute on `device` on this machine."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # what torch raises depends on its build
        raise UsageError(
            f"the device {device!r} cannot be used here: {str(error).splitlines()[0]}",
            "Use --device cpu, or a machine and a build of torch that have it.",
        ) from error
