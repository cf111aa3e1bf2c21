"""The models that this process loaded last, for components that ask for the same again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from causalkit.provenance import files_below

__all__ = ["Recent", "stamp"]

T = TypeVar("T")


class Recent(Generic[T]):
    """At most `most` things by key, the one that was longest not asked for making room."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: OrderedDict[Hashable, T] = OrderedDict()
        self.lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, or what `make` gives; what it raises is not kept."""
        with self.lock:
            if key not in self.kept:
                while len(self.kept) >= self.most:  # before: two large models need not fit into memory
                    self.kept.popitem(last=False)
                self.kept[key] = make()
            self.kept.move_to_end(key)
            return self.kept[key]


def stamp(folder: Path) -> tuple[tuple[str, int, int, int, int], ...]:
    """What changes when a file in `folder` does, without reading any.

    The time of the last change of content alone does not tell: copying keeps it.
    """
    told = ((str(path), path.stat()) for path in files_below(folder))
    return tuple((name, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns) for name, of in told)
