"""Vectors kept by text, so that only texts that were never seen are encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.store.journal import read_arrays, write_arrays

__all__ = ["VectorStore", "text_keys"]

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]


def text_keys(texts: Sequence[Any]) -> Keys:
    """Two words of SHA-256 for each text, `[n, 2]`: equal for equal texts alone."""
    joined = b"".join(hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).digest()[:16] for text in texts)
    return np.frombuffer(joined, "<u8").reshape(len(texts), 2)


@dataclass(frozen=True)
class VectorStore:
    """Shards of vectors under a folder, each a file of keys and vectors; a damaged shard is as good as none."""

    folder: Path

    def find(self, keys: Keys) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Vectors of distinct `keys`, `[n, d]`, and which of them are kept; `[n, 0]` where none is."""
        known = np.zeros(len(keys), bool)
        vectors = np.empty((len(keys), 0), np.float32)
        order = np.argsort(keys[:, 0], kind="stable")
        for place in sorted(self.folder.glob("*.safetensors")) if len(keys) else ():
            shard = read_arrays(place)
            if shard is None:
                continue
            kept, made = shard[0]["keys"], shard[0]["vectors"]
            if not vectors.shape[1]:
                vectors = np.zeros((len(keys), made.shape[1]), np.float32)
            at = order[np.minimum(np.searchsorted(keys[order, 0], kept[:, 0]), len(keys) - 1)]
            same = (keys[at] == kept).all(axis=1)
            vectors[at[same]], known[at[same]] = made[same], True
        return vectors, known

    def keep(self, keys: Keys, vectors: Floats) -> None:
        """Keep a shard; raises `StoreError` where it cannot be written."""
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:32]
        write_arrays(self.folder / f"{name}.safetensors", {"keys": keys, "vectors": vectors}, {})
