"""What an input is, whatever it is called: a text by its characters, an image by its bytes and not by its path."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from causalkit.errors import DataError

__all__ = [
    "ABSENT",
    "UNREADABLE",
    "contents_of",
    "image_content",
    "is_address",
    "is_there",
    "refuse_addresses",
    "states_of",
]

ABSENT = b""
"""The content of an image that is not there."""
UNREADABLE = b"unreadable"
"""The content of an image that is there, and cannot be opened: a folder, a pipe, one without permission."""
_THREADS = 8
_SHOWN = 80
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)


def contents_of(kind: str, inputs: Sequence[Any]) -> list[bytes]:
    """For each input, bytes that are equal for inputs of equal content alone.

    Parameters
    ----------
    kind : what an encoder declares as its `input`: `"texts"`, `"images"` or `"multimodal"`.

    Raises
    ------
    KeyError : another kind; a history has no content of its own.
    """
    if kind == "texts":
        return [_text(one) for one in inputs]
    if kind == "images":
        return _images(inputs)
    if kind != "multimodal":
        raise KeyError(kind)
    images = _images([one.image for one in inputs])
    return [hashlib.sha256(_text(one.text)).digest() + image for one, image in zip(inputs, images, strict=True)]


def image_content(path: str) -> bytes:
    """SHA-256 of an image's bytes, or `ABSENT`, or `UNREADABLE`; the path may be empty, and need not exist."""
    try:
        told = os.stat(path)
    except (OSError, ValueError):
        return ABSENT
    if not stat.S_ISREG(told.st_mode):  # a pipe would be waited for
        return UNREADABLE
    return _known(path, told.st_size, told.st_mtime_ns, told.st_ctime_ns)


def is_address(path: str) -> bool:
    """Whether the path of an image is an address of the web, or an image in itself (`data:`)."""
    return _ADDRESS.match(path) is not None


def refuse_addresses(paths: Iterable[str]) -> None:
    """Raise `DataError` where the path of an image is a web address: nothing is downloaded."""
    found = next((path for path in paths if is_address(path)), None)
    if found is not None:
        told = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…"
        raise DataError(
            f"an image is given as an address, {told!r}, and nothing is downloaded",
            "Download the images once, beside the table that names them, and give their paths.",
        )


def is_there(path: str) -> bool:
    """Whether something lies at a path, which may be anything that a table holds."""
    try:
        os.stat(path)
    except (OSError, ValueError):  # a NUL in a path is a ValueError
        return False
    return True


def states_of(paths: Iterable[str]) -> str:
    """Hash of what the file system says of files (size and times), unread: another one once a file has changed."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        try:
            told = os.stat(path)
            said = f"{told.st_size} {told.st_mtime_ns} {told.st_ctime_ns}"
        except (OSError, ValueError):
            said = "absent"
        digest.update(_text(f"{path}\0{said}\0"))
    return digest.hexdigest()


def _text(text: Any) -> bytes:
    return str(text).encode("utf-8", "surrogatepass")


def _images(paths: Sequence[str]) -> list[bytes]:
    """Read beside each other: hashing lets other threads go on."""
    distinct = dict.fromkeys(paths)
    with ThreadPoolExecutor(_THREADS) as pool:
        known = dict(zip(distinct, pool.map(image_content, distinct), strict=True))
    return [known[path] for path in paths]


@lru_cache(maxsize=1 << 17)
def _known(path: str, size: int, changed: int, touched: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return UNREADABLE
