"""The devices that share the work, one thread and one copy of the model each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import local
from typing import Any, TypeVar

from causalkit.errors import UsageError

__all__ = ["Replica", "devices_of", "refuse_absent", "spread"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Replica:
    """A copy of a model, and the device that it is on."""

    module: Any
    device: str


def devices_of(device: str) -> tuple[str, ...]:
    """The devices that are named, such as `cuda:0,cuda:1`.

    Raises
    ------
    UsageError : devices of different kinds, whose vectors are not the same to the last bit.
    """
    named = tuple(one.strip() for one in device.split(","))
    if len({one.partition(":")[0] for one in named}) > 1:
        raise UsageError(
            f"the devices {device!r} are of different kinds, and a text's vector would depend on which took it",
            "Name devices of one kind, such as cuda:0,cuda:1.",
        )
    return named


def refuse_absent(device: str) -> None:
    """Raise `UsageError` where torch cannot compute on `device` on this machine."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # what torch raises depends on its build
        raise UsageError(
            f"the device {device!r} cannot be used here: {str(error).splitlines()[0].partition('. ')[0]}",
            "Use --device cpu, or a machine and a build of torch that have it.",
        ) from error


@contextmanager
def spread(replicas: Sequence[Replica]) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` of `function(replica, part)` over parts, its results in their order.

    Each GPU has a thread of its own, so that the next parts are made ready meanwhile. A CPU that is named once has as
    many parts at once as torch has threads, each on one thread: as fast as one part on all threads where the machine
    is free, several times faster where it is not (threads that share a part wait for each other). Which thread takes
    a part changes nothing in it, to the last bit.
    """
    import torch

    threads = torch.get_num_threads()
    on_cpu = replicas[0].device == "cpu"
    workers = list(replicas) * threads if on_cpu and len(replicas) == 1 else list(replicas)
    if on_cpu and len(workers) == 1:
        yield lambda function, parts: map(partial(function, replicas[0]), parts)
        return
    free: SimpleQueue[Replica] = SimpleQueue()
    for one in workers:
        free.put(one)
    mine = local()

    def begin() -> None:
        mine.replica = free.get()
        if on_cpu:
            torch.set_num_threads(1)

    pool = ThreadPoolExecutor(len(workers), initializer=begin)
    try:
        yield lambda function, parts: pool.map(lambda part: function(mine.replica, part), parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
