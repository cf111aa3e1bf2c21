"""What was found of the latest components, so that checks that look at the same thing find it once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Latest"]

T = TypeVar("T")


class Latest(Generic[T]):
    """A value for each of the `most` latest objects, told apart by identity: they need not be hashable."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[int, tuple[Any, T]] = OrderedDict()

    def of(self, example: Any, find: Callable[[], T]) -> T:
        """What was found of `example`; `find` is called where nothing was yet."""
        known = self._kept.get(id(example))  # the object is kept too, so that its id is not another's
        if known is None:
            known = self._kept[id(example)] = (example, find())
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return known[1]
