"""Parts worked on by threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, TypeVar

from pydantic import Field

from causalkit.components import component

T = TypeVar("T")
R = TypeVar("R")


@component
class InThreads:
    """Runs parts in threads and gives results in part order.

    For work that waits, or leaves Python's lock to others, as much of numpy's does.
    """

    workers: Annotated[int, Field(ge=1)] = 4
    "How many threads; at most twice as many parts are held at a time."

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> Iterator[R]:
        """Results in the order of `parts`; the first failure in that order is raised, and the rest left."""
        pool, waiting = ThreadPoolExecutor(self.workers), deque[Future[R]]()
        try:
            for part in parts:
                waiting.append(pool.submit(function, part))
                if len(waiting) >= 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Nothing is kept between two maps."""
