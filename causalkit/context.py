"""The facts of the moment that every component method may use and none may keep.

Nothing here is ever hashed: the same component under another context is the same component.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from causalkit.errors import Interrupted

if TYPE_CHECKING:
    import numpy as np

    from causalkit.components import Executor

__all__ = ["Context", "Progress"]

T = TypeVar("T")
R = TypeVar("R")


class Progress(Protocol):
    """Shows how far a loop is; the command line gives one made with rich."""

    def track(self, items: Iterable[Any], label: str, total: int | None) -> Iterator[Any]:
        """Yield `items`, advancing a bar named `label`."""
        ...

    def busy(self, label: str) -> AbstractContextManager[None]:
        """Show that `label` is under way, for work that is no loop."""
        ...


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Context:
    """Seed, device, executor, progress, cancellation and part size of the moment.

    `Context()` is enough outside a run: seed 0, CPU, in this process, silent.

    Parameters
    ----------
    root_seed : the run's one seed; components derive theirs with `seed(name)`.
    device : `"cpu"`, `"cuda"`, `"cuda:1"` …; what a component on torch should use.
    executor : where `map` runs; None means in this process, one part after another.
    progress : shows loops; None is silent.
    cancelled : says whether the user has asked to stop.
    part_rows : about how many rows of a table to hold in memory at once.
    """

    root_seed: int = 0
    device: str = "cpu"
    executor: Executor | None = None
    progress: Progress | None = None
    cancelled: Callable[[], bool] = _never
    part_rows: int = 1_000_000

    def seed(self, name: str) -> int:
        """A seed in [0, 2**32) that depends on the root seed and `name` alone.

        >>> Context(root_seed=7).seed("fold") == Context(root_seed=7).seed("fold")
        True
        """
        digest = hashlib.sha256(f"{self.root_seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:4], "little")

    def rng(self, name: str) -> np.random.Generator:
        """A numpy generator seeded by `seed(name)`."""
        import numpy as np

        return np.random.default_rng(self.seed(name))

    def under(self, name: str) -> Context:
        """The same context with its seeds derived under `name`, for a held component."""
        return replace(self, root_seed=self.seed(name))

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yield `items` with a progress bar; raises `Interrupted` once cancelled."""
        if self.progress is not None:
            items = self.progress.track(items, label, total)
        for item in items:
            self.check()
            yield item

    def busy(self, label: str) -> AbstractContextManager[None]:
        """Show that `label` is under way until the block ends."""
        return nullcontext() if self.progress is None else self.progress.busy(label)

    def check(self) -> None:
        """Raise `Interrupted` if the user has asked to stop."""
        if self.cancelled():
            raise Interrupted("stopped by the user")

    def map(self, function: Callable[[T], R], parts: Sequence[T], label: str = "") -> list[R]:
        """`[function(p) for p in parts]`, on the executor when there is one, in part order."""
        if self.executor is None:
            return [function(part) for part in self.track(parts, label or "parts", len(parts))]
        return list(self.executor.map(function, parts))
