"""Worker processes of this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import Field

from causalkit.components import component
from causalkit.errors import CausalkitError, ComponentError, Interrupted

T = TypeVar("T")
R = TypeVar("R")

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@component
class Process:
    """Runs parts in worker processes and returns results in part order.

    Workers are started afresh (spawned), with one BLAS thread each, so that results are the same to
    the last bit as in this process with one thread. At most two parts per worker wait at a time, so
    that a long table is never held twice. Functions, parts and results must be picklable.
    """

    workers: Annotated[int, Field(ge=1)] | None = None
    "Worker processes; absent, one per CPU that this process may use."

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> Iterator[R]:
        """Results in the order of `parts`.

        Raises
        ------
        ComponentError : a part raised (the first in order is told, with its number), or a worker died.
        Interrupted : Ctrl-C; workers are stopped.
        """
        waiting: deque[Future[R]] = deque()
        done = 0
        try:
            for part in parts:
                pool = self._pool()
                with _one_thread():  # workers are spawned by the first submissions
                    waiting.append(pool.submit(function, part))
                if len(waiting) > 2 * self._count():
                    yield _result(waiting.popleft(), done)
                    done += 1
            while waiting:
                yield _result(waiting.popleft(), done)
                done += 1
        except KeyboardInterrupt:
            self._stop()
            raise Interrupted("stopped by the user", "What was computed before is kept.") from None
        except BrokenProcessPool as error:
            self._stop()
            raise ComponentError(
                f"a worker process died while parts {done} to {done + len(waiting)} were under way",
                "It was probably killed for memory: use fewer workers, or smaller parts.",
            ) from error
        finally:
            for left in waiting:
                left.cancel()

    def close(self) -> None:
        """Stop the workers; safe to call twice."""
        pool = self.__dict__.pop("_workers", None)
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _count(self) -> int:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.workers or available

    def _pool(self) -> ProcessPoolExecutor:
        if "_workers" not in self.__dict__:
            from multiprocessing import get_context

            spawn = get_context("spawn")
            self._workers = ProcessPoolExecutor(self._count(), mp_context=spawn, initializer=_ignore_ctrl_c)
        return self._workers

    def _stop(self) -> None:
        pool = self.__dict__.pop("_workers", None)
        if pool is not None:
            alive = list((getattr(pool, "_processes", None) or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in alive:
                worker.terminate()


def _ignore_ctrl_c() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The environment with one BLAS thread, which spawned workers inherit before they import numpy."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _result(future: Future[Any], part: int) -> Any:
    try:
        return future.result()
    except (KeyboardInterrupt, BrokenProcessPool, CausalkitError):
        raise
    except Exception as error:
        raise ComponentError(
            f"part {part} failed in a worker process: {type(error).__name__}: {error}",
            "Run it with the executor `serial` to see where.",
        ) from error
