"""What a step has done so far, so that a killed run does at most one part of it again.

A step's long loops are told apart by the order in which they begin, which is the same in every run of the
same step on the same input. Each keeps one file: arrays (safetensors) with the facts as JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.store.atomic import write_atomically

__all__ = ["Journal", "Slot", "read_arrays", "write_arrays"]

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass
class Journal:
    """The loops of one step; `tell` hears of every part that is begun."""

    folder: Path
    tell: Callable[..., None] = field(default=lambda **_: None)
    _begun: int = 0

    def slot(self, sort: str) -> Slot:
        """The place of the next loop; what another sort of loop left there is not used."""
        self._begun += 1
        return Slot(self.folder / f"{self._begun:04d}.safetensors", sort)

    def begin(self, loop: str, part: int, turn: int = 0) -> None:
        """Say that a part of a loop is begun, in the given round."""
        self.tell(kind="part", loop=f"{self._begun} {loop}", round=turn, part=part)

    def forget(self) -> None:
        """Remove everything: the step is done, and its artifacts are kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Slot:
    """Where one loop keeps how far it is."""

    path: Path
    sort: str

    def load(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Arrays and facts as last saved; None where nothing whole and of this sort is there."""
        found = read_arrays(self.path)
        return found if found is not None and found[1].pop("sort", "") == self.sort else None

    def save(self, arrays: Arrays, facts: Mapping[str, Any]) -> None:
        """Keep arrays and facts in the place of what was kept before."""
        write_arrays(self.path, arrays, {**facts, "sort": self.sort})


def write_arrays(path: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Arrays and facts in one file, with a hash of both; raises `StoreError` where it cannot be written."""
    from safetensors.numpy import save_file

    held = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    text = json.dumps(dict(facts))
    metadata = {"facts": text, "sha256": _digest(held, text)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda place: save_file(held, place, metadata))


def read_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
    """What `write_arrays` wrote; None where there is no such file, or it is not as it was written."""
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, SafetensorError):
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if metadata["sha256"] == _digest(arrays, metadata["facts"]):
            return arrays, json.loads(metadata["facts"])
    return None


def _digest(arrays: Arrays, facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
