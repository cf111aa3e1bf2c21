"""One writer at a time: a lock that the kernel takes back when its holder dies.

With `fcntl` the lock is the kernel's (flock), held through an open file: whoever dies lets go of it,
a process that was given a dead one's number does not hold it, and of two that start at the same
moment one gets it. What the file says, process and host, only serves the message. Without `fcntl`,
or on a file system without locks, what it says is the lock; two starts within the same moment are then
not told apart.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from causalkit.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["hold", "is_held"]

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""A link planted in a folder from elsewhere is not written through."""
_TRIES, _PAUSE = 5, 0.05
"""Whoever asks `is_held` shares the lock for an instant; that must refuse nobody."""
_OURS: set[Path] = set()
"""What this process holds; without the kernel's lock, a file with our number may be a dead one's."""


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file `path` until the block ends; a dead holder's is taken over.

    Raises
    ------
    StoreError : another process holds it, or the file can't be made.
    """
    try:
        handle = _take(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}", "Free space, or make the folder writable."
        ) from error
    _OURS.add(path)
    try:
        yield
    finally:
        _OURS.discard(path)
        with contextlib.suppress(OSError):
            path.unlink()  # while it is still held: nobody can have taken it
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file `path`."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # somebody's, and not ours to read
        return True
    try:
        return not _granted(handle, path, exclusive=False)
    finally:
        os.close(handle)


def _take(path: Path) -> int:
    for attempt in range(_TRIES):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
        try:
            granted = _granted(handle, path, exclusive=True)
            if granted and _is_still(path, handle):
                os.ftruncate(handle, 0)
                os.write(handle, f"{os.getpid()} {socket.gethostname()}".encode())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if not granted and attempt + 1 < _TRIES:
            time.sleep(_PAUSE)
    raise StoreError(
        f"{path.parent} is in use by {_holder(path)}",
        f"Wait for it to end, or stop it. If there is no such process any more, delete {path.name} there.",
    )


def _granted(handle: int, path: Path, *, exclusive: bool) -> bool:
    """Whether nobody else holds the lock; with `exclusive`, it is ours from now on."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    return not _lives(path)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the open file is the one at `path`: its last holder may have removed it meanwhile."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


def _signature(path: Path) -> tuple[int, str]:
    """The process and the host that a lock file names; 0 where it names none."""
    with contextlib.suppress(OSError, ValueError):
        number, _, host = path.read_text(encoding="utf-8").partition(" ")
        return int(number), host
    return 0, ""


def _holder(path: Path) -> str:
    number, host = _signature(path)
    return f"process {number}" + (f" on {host}" if host else "") if number else "another process"


def _lives(path: Path) -> bool:
    """Whether the process that the file names is alive; one of another host is taken to be."""
    number, host = _signature(path)
    if number in (0, os.getpid()):
        return number != 0 and path in _OURS
    if os.name == "nt" or host not in ("", socket.gethostname()):
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
