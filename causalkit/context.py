"""The facts of the moment that every component method may use and none may keep.

Nothing here is ever hashed: the same component under another context is the same component.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from causalkit.errors import Interrupted

if TYPE_CHECKING:
    import numpy as np

    from causalkit.budget import Budget
    from causalkit.components import Executor
    from causalkit.transcripts import Transcripts

__all__ = ["Context", "Journal", "Progress", "Slot"]

T = TypeVar("T")
R = TypeVar("R")


class Slot(Protocol):
    """Where one long loop keeps how far it is."""

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Arrays by name and facts as last saved; None where nothing whole is there."""
        ...

    def save(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Keep arrays and facts (what JSON holds) in the place of what was kept before."""
        ...


class Journal(Protocol):
    """Keeps what a step has done so far, so that a killed run does at most one part of it again."""

    def slot(self, sort: str) -> Slot:
        """The place of the next loop; what another `sort` of loop left there is not used."""
        ...

    def begin(self, loop: str, part: int, turn: int = 0) -> None:
        """Say that a part of a loop is begun."""
        ...


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
    """Seed, device, executor, progress, cancellation, part size, journal, transcripts and budget of the moment.

    `Context()` is enough outside a run: seed 0, CPU, in this process, silent.

    Parameters
    ----------
    root_seed : the run's one seed; components derive theirs with `seed(name)`.
    device : `"cpu"`, `"cuda"`, `"cuda:1"`, or several of one sort, `"cuda:0,cuda:1"`; what a component on torch
        should use.
    executor : where `map` runs; None means in this process, one part after another.
    progress : shows loops; None is silent.
    cancelled : says whether the user has asked to stop.
    part_rows : about how many rows of a table to hold in memory at once.
    journal : where a long loop keeps how far it is; None keeps nothing. It stays in this process: what is
        handed to a worker has none, for loops are told apart by the order in which they begin.
    transcripts : where exchanges with language models are kept and found; None keeps those of one call alone.
    budget : what may be spent on language models; counted in `transcripts`, in memory where there are none.
    """

    root_seed: int = 0
    device: str = "cpu"
    executor: Executor | None = None
    progress: Progress | None = None
    cancelled: Callable[[], bool] = _never
    part_rows: int = 1_000_000
    journal: Journal | None = None
    transcripts: Transcripts | None = None
    budget: Budget | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and self.transcripts is None:
            from causalkit.transcripts import Transcripts

            object.__setattr__(self, "transcripts", Transcripts())

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"journal": None}

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

    @property
    def device_kind(self) -> str:
        """The sort of `device`, whichever and however many there are: `"cpu"`, `"cuda"` ….

        >>> Context(device="cuda:0,cuda:1").device_kind
        'cuda'
        """
        return self.device.partition(",")[0].partition(":")[0]

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

    def begin(self, loop: str, part: int) -> None:
        """Tell the journal that a part of a loop is begun; raises `Interrupted` once cancelled."""
        self.check()
        if self.journal is not None:
            self.journal.begin(loop, part)

    def map(self, function: Callable[[T], R], parts: Iterable[T], label: str = "", total: int | None = None) -> list[R]:
        """`[function(p) for p in parts]`, on the executor when there is one, in part order."""
        return list(self.stream(function, parts, label, total))

    def stream(
        self, function: Callable[[T], R], parts: Iterable[T], label: str = "", total: int | None = None
    ) -> Iterator[R]:
        """`function(p)` for each part as it is made, in part order; no more parts are read than are worked on."""
        total = len(parts) if total is None and isinstance(parts, Sized) else total
        results = map(function, parts) if self.executor is None else self.executor.map(function, parts)
        return self.track(results, label or "parts", total)
