"""Worker processes and who is at which part: told apart, timed, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from multiprocessing.util import Finalize
from typing import Any

from causalkit.errors import CausalkitError, ComponentError

__all__ = ["Crew"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_STARTING, _IDLE = -2, -1
Pipe = connection.Connection


@dataclass
class _Worker:
    """A process, the pipe to it, and the part that it is at, since when."""

    process: BaseProcess
    pipe: Pipe
    part: int = _STARTING
    since: float = field(default_factory=time.monotonic)

    def give(self, function: Callable[[Any], Any], number: int, part: Any) -> None:
        self.part, self.since = number, time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died; whoever waits for it finds out
            self.pipe.send((function, part))

    def take(self) -> tuple[int, Any] | None:
        """The part it was at and what became of it; None where it only says that it is there."""
        reply = self.pipe.recv()
        number, self.part = self.part, _IDLE
        return None if number == _STARTING else (number, reply)


@dataclass
class Crew:
    """At most `most` workers; a part that takes longer than `timeout` seconds is given up."""

    most: int
    timeout: float | None
    workers: list[_Worker] = field(default_factory=list)
    taken: bool = False

    def __post_init__(self) -> None:
        Finalize(self, _bury, args=(self.workers,), exitpriority=10)  # where nobody closes the executor

    def run(self, function: Callable[[Any], Any], parts: Iterable[Any]) -> Iterator[Any]:
        """Results in part order; at most two parts per worker are held at a time."""
        source, waiting, results = enumerate(parts), deque[tuple[int, Any]](), dict[int, Any]()
        ended, done = False, 0
        while True:
            if not ended and len(waiting) + self._at_work() + len(results) <= 2 * self.most:
                following = next(source, None)
                ended = following is None
                if following is not None:
                    waiting.append(following)
                    self._assign(function, waiting)
                    continue
            self._assign(function, waiting)
            if done in results:
                yield _unpacked(done, results.pop(done))
                done += 1
            elif waiting or self._at_work():
                results.update(self._wait())
            else:
                return

    def stop(self) -> None:
        """Kill every worker, whatever it does, and bury it."""
        _bury(self.workers)

    def _at_work(self) -> int:
        return sum(worker.part >= 0 for worker in self.workers)

    def _assign(self, function: Callable[[Any], Any], waiting: deque[tuple[int, Any]]) -> None:
        for worker in self.workers:
            if waiting and worker.part == _IDLE:
                worker.give(function, *waiting.popleft())
        starting = sum(worker.part == _STARTING for worker in self.workers)
        if len(waiting) > starting and len(self.workers) < self.most:
            self.workers.append(_started())

    def _wait(self) -> dict[int, Any]:
        """What has come back by now; blocks until something has, or a part has taken too long."""
        busy = [worker for worker in self.workers if worker.part != _IDLE]
        ready = connection.wait([worker.pipe for worker in busy], self._patience(busy))
        if not ready:
            raise self._too_slow(min(busy, key=lambda worker: worker.since))
        found: dict[int, Any] = {}
        for worker in busy:
            if worker.pipe in ready:
                try:
                    reply = worker.take()
                except (EOFError, OSError):
                    raise _died(worker) from None
                found.update([reply] if reply else [])
        return found

    def _patience(self, busy: Iterable[_Worker]) -> float | None:
        if self.timeout is None:
            return None
        return max(0.0, min(worker.since for worker in busy) + self.timeout - time.monotonic())

    def _too_slow(self, worker: _Worker) -> ComponentError:
        what = "a worker process did not start" if worker.part == _STARTING else f"part {worker.part} did not end"
        return ComponentError(
            f"{what} within {self.timeout:g} s; its worker process {worker.process.pid} seems to hang and was killed",
            "Give it more time with the executor's parameter `timeout`, or find out where it hangs with the executor"
            " `serial`.",
        )


def _bury(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.join(5)
        worker.pipe.close()
    workers.clear()


def _died(worker: _Worker) -> ComponentError:
    worker.process.join(5)
    code = worker.process.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    where = "while it started" if worker.part < 0 else f"at part {worker.part}"
    todo = "See what it printed above, or run with the executor `serial`."
    if code == -getattr(signal, "SIGKILL", 9):
        todo = "The system does that when memory is short: use fewer workers (--workers)."
    return ComponentError(f"a worker process died: it {how} {where}", todo)


def _unpacked(number: int, reply: tuple[bool, Any]) -> Any:
    fine, made = reply
    if fine:
        return made
    if isinstance(made, CausalkitError):
        raise made
    said, trace = made
    error = ComponentError(
        f"part {number} failed in a worker process: {said}", "Run it with the executor `serial` to see where."
    )
    error.add_note(trace)
    raise error


def _started() -> _Worker:
    """A fresh process with one BLAS thread, which it inherits before it imports numpy, and deaf to Ctrl-C."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_work, args=(there,), name="causalkit-worker")
    with _one_thread(), _ctrl_c_blocked():
        process.start()
    there.close()
    return _Worker(process, here)


@contextmanager
def _one_thread() -> Iterator[None]:
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


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """What starts meanwhile never hears Ctrl-C, which goes to the whole terminal; here it is only put off."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # would lift the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Pipe) -> None:
    """A worker's life: parts in, results out, until the pipe ends. What a part prints is no result of a command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            reply = _reply(pipe.recv_bytes())
            with contextlib.suppress(Exception):  # a part may have replaced stdout
                sys.stdout.flush()  # before the reply: a worker that has replied may be killed at once
            pipe.send_bytes(reply)


def _end_with_parent() -> None:
    """A killed parent can't stop its workers; none computes on for nobody."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _reply(task: bytes) -> Any:
    """What became of a task, packed: (True, result), (False, our error), or (False, what any other said)."""
    try:
        function, part = ForkingPickler.loads(task)
        return ForkingPickler.dumps((True, function(part)))
    except CausalkitError as error:
        with contextlib.suppress(Exception):  # one of a stranger's may not come through
            return ForkingPickler.dumps((False, error))
        return _told(error)
    except BaseException as error:  # SystemExit too: a part may do anything
        return _told(error)


def _told(error: BaseException) -> Any:
    return ForkingPickler.dumps((False, (f"{type(error).__name__}: {error}", traceback.format_exc())))
