"""Files that are whole or not there: written aside, flushed, renamed; and what the system refuses, in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from causalkit.errors import StoreError

__all__ = ["flush_file", "flush_folder", "refused_by_system", "replacing", "sha256_of", "write_atomically"]

_REFUSALS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ESTALE),
)
_NO_FOLDER_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF)


def write_atomically(path: Path, writer: Callable[[Path], None], *, flush: bool = True) -> None:
    """Call `writer` on a temporary name beside `path`, flush, and rename it into place: `replacing` for a run."""
    with replacing(
        path, "Free space or make the folder writable, or choose another with --runs-dir.", flush=flush
    ) as temporary:
        writer(temporary)


@contextlib.contextmanager
def replacing(
    path: Path, todo: str = "Free space there, or choose another place.", *, flush: bool = True
) -> Iterator[Path]:
    """A temporary name beside `path`; what is there when the block ends is flushed and renamed to it.

    A link at `path` is replaced, and not followed. Without `flush` the new content may be lost with the
    machine's power, though not with the process.

    Raises
    ------
    StoreError : the folder is read-only or the disk is full; nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    try:
        yield temporary
        if flush:
            flush_file(temporary)
        temporary.replace(path)
        if flush:
            flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = _reason(error)
        if not reason:
            raise
        raise StoreError(f"{path} cannot be written: {reason}", todo) from error


def refused_by_system(error: BaseException) -> StoreError | None:
    """What the disk or its permissions refused, as a message; None for every other error."""
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    return StoreError(
        f"{error.filename or 'a file'} cannot be read or written: {os.strerror(error.errno)}",
        "Free space there, or change who may use it.",
    )


def _reason(error: BaseException) -> str:
    """What the system said (no space, file too large …), whichever library it said it to; empty for other faults."""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else str(error)
    told = re.search(r"\(os error (\d+)\)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return os.strerror(int(told[1])) if told else ""


def flush_file(path: Path) -> None:
    """Wait until a file's content is on disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """A new name is on disk only when its folder is; where the system can't flush one, the rename must do."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            raise


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
