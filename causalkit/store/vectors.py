"""Vectors of inputs, kept by content in shards, so that what was encoded once is not encoded again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from causalkit.components import MARKS
from causalkit.errors import StoreError
from causalkit.store.journal import read_arrays, write_arrays

__all__ = ["Found", "VectorStore", "content_keys"]

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Marks = Mapping[str, npt.NDArray[Any]]
_MARK = "mark."
_TRIES = 5
"""How often a shard is written where that fails."""


def content_keys(contents: Iterable[bytes]) -> Keys:
    """Two words of SHA-256 for each content, `[n, 2]`: equal for equal contents alone."""
    joined = b"".join(hashlib.sha256(content).digest()[:16] for content in contents)
    return np.frombuffer(joined, "<u8").reshape(-1, 2)


class Found(NamedTuple):
    """What one shard holds of what was asked for: places among the keys asked, vectors `[k, d]`, marks by name."""

    at: npt.NDArray[np.intp]
    vectors: Floats
    marks: Marks


@dataclass(frozen=True)
class VectorStore:
    """Shards of vectors under a folder, each a file of keys, vectors and marks; a damaged one is as good as none.

    With `read_only`, what is kept is found, and nothing is added.
    """

    folder: Path
    read_only: bool = False

    def find(self, keys: Keys) -> Iterator[Found]:
        """What is kept of distinct `keys`, a shard at a time; all vectors are of one width."""
        if not len(keys):
            return
        if not self.read_only:
            with contextlib.suppress(OSError):
                os.utime(self.folder)  # what was used longest ago is freed first
        order = np.argsort(keys[:, 0], kind="stable")
        words, width = keys[order, 0], 0
        for place in sorted(self.folder.glob("*.safetensors")):
            kept = _keys_in(place)
            if kept is None or not len(_places(words, order, keys, kept)[0]):
                continue
            shard = read_arrays(place)
            if shard is None or shard[0]["vectors"].shape[1] != (width or shard[0]["vectors"].shape[1]):
                continue
            arrays = shard[0]
            rows, at = _places(words, order, keys, arrays["keys"])
            width = arrays["vectors"].shape[1]
            yield Found(at, arrays["vectors"][rows], {name: mark[rows] for name, mark in _marks_in(arrays)})

    def keep(self, keys: Keys, vectors: Floats, marks: Marks) -> None:
        """Keep a shard; raises `StoreError` where it cannot be written."""
        if self.read_only:
            return
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:32]
        held: dict[str, npt.NDArray[Any]] = {_MARK + name: mark for name, mark in marks.items()}
        held |= {"keys": keys, "vectors": vectors}
        try:
            self._write(self.folder / f"{name}.safetensors", held)
        except OSError as error:  # the folder itself cannot be made
            raise StoreError(
                f"vectors cannot be kept in {self.folder}: {error.strerror or error}",
                "Free space or make the folder writable, or choose another with --runs-dir.",
            ) from error

    def _write(self, place: Path, held: Marks) -> None:
        """Again where it fails: another process may be freeing what is kept here, and this one goes on."""
        for left in reversed(range(_TRIES)):
            try:
                write_arrays(place, held, {})
            except (StoreError, OSError):
                if not left:
                    raise
            else:
                return


def _keys_in(place: Path) -> Keys | None:
    """The keys of a shard, unchecked: most shards are opened to see that nothing in them is asked for."""
    from safetensors import SafetensorError, safe_open

    with contextlib.suppress(OSError, ValueError, SafetensorError), safe_open(place, framework="numpy") as file:
        found: Keys = file.get_tensor("keys")
        return found if found.ndim == 2 and found.shape[1] == 2 else None
    return None


def _places(words: npt.NDArray[np.uint64], order: npt.NDArray[np.intp], keys: Keys, kept: Keys) -> tuple[Any, Any]:
    """Which rows of `kept` are asked for, and where each stands among `keys`; `words` are their first, sorted."""
    at = order[np.minimum(np.searchsorted(words, kept[:, 0]), len(words) - 1)]
    rows = np.flatnonzero((keys[at] == kept).all(axis=1))
    return rows, at[rows]


def _marks_in(arrays: Marks) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name in MARKS:
        if _MARK + name in arrays:
            yield name, arrays[_MARK + name]
