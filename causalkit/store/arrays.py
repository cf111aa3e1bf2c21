"""Big arrays as safetensors files: written by parts, read where they lie, and made on disk where memory is short."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from causalkit.errors import StoreError

__all__ = ["IN_MEMORY", "read_array", "room_for", "write_array"]

IN_MEMORY = 1 << 28
"""Bytes of an array above which it is left on disk, and read from there as it is used."""
_BLOCK = 1 << 24
_NAME = "array"
_LONGEST_HEADER = 1 << 20
_KINDS = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
"""NumPy's name of each kind of number, by that of safetensors."""


def write_array(value: npt.NDArray[Any], path: Path) -> None:
    """Write what `safetensors.numpy.save_file({"array": value}, path)` does, holding no second copy of it.

    Raises
    ------
    TypeError : an array of what safetensors does not hold, such as objects.
    """
    names = {np.dtype(numpy): name for name, numpy in _KINDS.items()}
    value = np.asarray(value)
    kind = value.dtype.newbyteorder("<")
    if kind not in names:
        raise TypeError(f"an array of {value.dtype} cannot be stored")
    told = {_NAME: {"dtype": names[kind], "shape": list(value.shape), "data_offsets": [0, value.nbytes]}}
    header = json.dumps(told, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for block in _blocks(value):
            file.write(np.ascontiguousarray(block, kind).data)


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array that a file holds; one of more than `IN_MEMORY` bytes is read-only, and stays on disk until it is used.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError : no such file, or one that is cut short or not of this make.
    """
    with path.open("rb") as file:
        kind, shape, offset = _header(file)
        size = math.prod(shape) * kind.itemsize
        if os.fstat(file.fileno()).st_size != offset + size:
            raise ValueError(f"{path} is not as long as it says")
        if size <= IN_MEMORY:
            return np.fromfile(file, kind, math.prod(shape)).reshape(shape)
        return np.asarray(np.memmap(file, kind, "r", offset, shape))


def room_for(shape: tuple[int, ...], folder: Path | None) -> npt.NDArray[np.float32]:
    """Zeros to be filled: in memory, or, above `IN_MEMORY` bytes, in a file of `folder` that is gone with the array.

    Raises
    ------
    StoreError : the disk has no room for it.
    """
    size = 4 * math.prod(shape)
    if folder is None or size <= IN_MEMORY:
        return np.zeros(shape, np.float32)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            _claim(file, size)
            return np.asarray(np.memmap(file, np.float32, "r+", 0, shape))
    except OSError as error:
        raise StoreError(
            f"{folder} has no room for {size / 1e9:.1f} GB of vectors: {error.strerror or error}",
            "Free space or make the folder writable, or choose another with --runs-dir.",
        ) from error


def _claim(file: BinaryIO, size: int) -> None:
    """Take the room at once: a disk that is full when a mapped page is written ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def _blocks(value: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    if value.ndim == 0 or value.nbytes <= _BLOCK:
        yield value
        return
    rows = max(1, _BLOCK * len(value) // value.nbytes)
    for start in range(0, len(value), rows):
        yield value[start : start + rows]


def _header(file: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Kind, shape, and where the numbers begin."""
    length = int.from_bytes(file.read(8), "little")
    if length > _LONGEST_HEADER:
        raise ValueError("no header of an array")
    told: Mapping[str, Any] = json.loads(file.read(length))[_NAME]
    shape = tuple(int(size) for size in told["shape"])
    kind = np.dtype(_KINDS[told["dtype"]])
    if min(shape, default=0) < 0 or list(told["data_offsets"]) != [0, math.prod(shape) * kind.itemsize]:
        raise ValueError("a header that contradicts itself")
    return kind, shape, 8 + length
