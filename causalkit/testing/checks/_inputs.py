"""What encoders are tried on, by the `input` that they declare."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.testing.worlds import text_world
from causalkit.types import EmbeddingTable, History, Multimodal

__all__ = ["inputs_of", "inputs_reading", "planted_histories"]

_FEW = 24
_ITEMS, _WIDTH = 12, 4


def inputs_of(encoder: Any, folder: Path) -> Sequence[Any]:
    """What an encoder of its `input` is given to try: 24 inputs; images are written to `folder`."""
    return inputs_reading(getattr(encoder, "input", "texts"), folder)


def inputs_reading(named: str, folder: Path) -> Sequence[Any]:
    """24 inputs of that name in `INPUTS`; in all but texts something is missing here and there."""
    texts = text_world("matters").texts[:_FEW]
    if named == "histories":
        return deepcopy(planted_histories(_FEW)[0])  # whose arrays a component may spoil
    if named not in ("images", "multimodal"):
        return texts
    images = [_image(folder / f"{place}.png", 10 * place) for place in range(_FEW)]
    images[7] = ""
    if named == "images":
        return images
    return [Multimodal("" if place in (3, 11) else texts[place], images[place]) for place in range(_FEW - 1)] + [
        Multimodal()
    ]


@lru_cache(maxsize=4)
def planted_histories(users: int) -> tuple[tuple[History, ...], npt.NDArray[np.float64]]:
    """Histories, and each user's taste, `[users]`, which shows in what they were shown and in what they did next.

    The third user has no history, the fourth saw an item without a vector only, the fifth such an item among others.
    """
    rng = np.random.default_rng([5, users])
    vectors = rng.normal(size=(_ITEMS, _WIDTH)).astype(np.float32)
    known = EmbeddingTable(pd.Index([f"item-{k}" for k in range(_ITEMS)]), vectors, "planted")
    taste = rng.normal(size=(users, _WIDTH))
    made = [_history(rng, known, one, int(rng.integers(4, 16))) for one in taste]
    made[2] = _history(rng, known, taste[2], 0)
    for place, rows in ((3, slice(None)), (4, slice(1))):
        made[place].items[rows] = "item-unknown"
    return tuple(made), taste[:, 0]


def _history(rng: np.random.Generator, known: EmbeddingTable, taste: Any, rows: int) -> History:
    liking = known.vectors @ taste
    shown = rng.choice(_ITEMS, rows, p=np.exp(liking) / np.exp(liking).sum())
    outcome = np.maximum(liking[shown] + 0.5 * rng.normal(size=rows) + 2, 0)
    return History(
        items=known.ids.to_numpy(object)[shown],
        exposed=(rng.random(rows) < 0.5).astype(np.float32),
        outcome=outcome.astype(np.float32),
        age=np.sort(rng.integers(0, 8, rows))[::-1].astype(np.float32),
        signals={"click": (outcome > 2).astype(np.float32)},
        vectors=known,
    )


def _image(path: Path, shade: int, side: int = 8) -> str:
    """A grey square as PNG; its path."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * side) * side)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return str(path)
