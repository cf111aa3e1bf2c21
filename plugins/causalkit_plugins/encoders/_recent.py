"""The models that this process loaded last, for components that ask for the same again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

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


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file in `folder` does: paths, sizes and times of change, without reading them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
