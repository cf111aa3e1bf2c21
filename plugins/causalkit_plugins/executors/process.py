"""Worker processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from causalkit.components import component
from causalkit.errors import Interrupted

if TYPE_CHECKING:
    from causalkit_plugins.executors._crew import Crew

T = TypeVar("T")
R = TypeVar("R")


@component
class Process:
    """Runs parts in worker processes and returns results in part order.

    Workers are started afresh (spawned), with one BLAS thread each, so that results are the same to
    the last bit as in this process with one thread. At most two parts per worker are held at a time, so
    that a long table is never held twice. Functions, parts and results must be picklable. A worker
    that hangs or dies stops the run and says at which part; none outlives the process that started it.
    """

    workers: Annotated[int, Field(ge=1)] | None = None
    "Worker processes; absent, one per CPU that this process may use."
    timeout: Annotated[float, Field(gt=0)] | None = 3600.0
    """Seconds that one part may take, after which its worker is taken to hang and the run stops. A part
    is a bounded piece of work, seconds as a rule; `null` waits for ever."""

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> Iterator[R]:
        """Results in the order of `parts`.

        Raises
        ------
        ComponentError : a part raised (the first in order is told, with its number), a worker died, or
            a part took longer than `timeout`.
        Interrupted : Ctrl-C; workers are stopped.
        """
        crew = self._free_crew()
        crew.taken = True
        try:
            yield from crew.run(function, parts)
        except BaseException as error:  # an abandoned generator too
            crew.stop()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted("stopped by the user", "What was computed before is kept.") from None
            raise
        finally:
            crew.taken = False

    def close(self) -> None:
        """Stop the workers, whatever they do; safe to call twice."""
        for crew in self.__dict__.pop("_crews", []):
            crew.stop()

    def _free_crew(self) -> Crew:
        """Workers that no other map is using, kept from an earlier one if there are any."""
        from causalkit_plugins.executors._crew import Crew

        crews: list[Crew] = self.__dict__.setdefault("_crews", [])
        free = next((crew for crew in crews if not crew.taken), None)
        if free is None:
            free = Crew(self._count(), self.timeout)
            crews.append(free)
        return free

    def _count(self) -> int:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.workers or available
