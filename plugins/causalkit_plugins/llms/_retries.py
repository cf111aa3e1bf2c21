"""Calls over a network, several at once, tried again where that may help, with waits that a seed decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

__all__ = ["Passing", "Retries", "concurrently"]

T = TypeVar("T")
R = TypeVar("R")
_LONGEST = 60.0
"""Seconds that one wait takes at most, unless the server asks for more."""
_PATIENCE = 600.0
"""Seconds that a server may ask to be left alone; one that asks for more is not waited for."""


class Passing(Exception):
    """What may pass: too many requests, a server that is down, no answer in time. `after`: what the server asks for."""

    def __init__(self, said: str, after: float | None = None) -> None:
        super().__init__(said)
        self.after = after


@dataclass(frozen=True)
class Retries:
    """Tries a call again while it raises `Passing`, at most `times` more, longer and longer after.

    `stop` ends it early: a wait is cut, and there is no further try.
    """

    times: int
    first_wait: float
    stop: Event = field(default_factory=Event)

    def call(self, function: Callable[[], T], rng: np.random.Generator) -> T:
        """What `function` gives; raises its last `Passing`."""
        from tenacity import (
            Retrying,
            retry_if_exception,
            sleep_using_event,
            stop_after_attempt,
            stop_when_event_set,
        )

        again = Retrying(
            retry=retry_if_exception(_may_help),
            stop=stop_after_attempt(self.times + 1) | stop_when_event_set(self.stop),
            wait=lambda state: self._wait(state, rng),
            sleep=sleep_using_event(self.stop),
            reraise=True,
        )
        made: T = again(function)
        return made

    def _wait(self, state: Any, rng: np.random.Generator) -> float:
        """What the server asks for; where that is nothing, twice as long as before, from half of it to all of it."""
        asked = getattr(state.outcome.exception(), "after", None)
        if asked:
            return float(asked)
        longest = min(self.first_wait * 2.0 ** (state.attempt_number - 1), _LONGEST)
        return float(longest * rng.uniform(0.5, 1.0))


def _may_help(error: BaseException) -> bool:
    """Whether another try may help while one waits for it."""
    return isinstance(error, Passing) and (error.after is None or error.after <= _PATIENCE)


def concurrently(function: Callable[[T], R], parts: Sequence[T], stop: Event) -> Iterator[tuple[int, R]]:
    """Place and result of each part, as they come, each in a thread.

    Where one raises, no part is tried further (`stop`), those that come all the same are given, and then it is raised.
    The threads hold nobody up: one who stops the process does not wait for a server that is silent.
    """
    come: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()

    def work(place: int) -> None:
        try:
            come.put((place, function(parts[place]), None))
        except BaseException as error:
            come.put((place, None, error))

    fault: BaseException | None = None
    try:
        for place in range(len(parts)):
            Thread(target=work, args=(place,), name=f"causalkit-llm-{place}", daemon=True).start()
        for _ in parts:
            place, made, error = come.get()
            if error is None:
                yield place, made
            else:
                stop.set()
                fault = fault or error
        if fault is not None:
            raise fault
    finally:
        stop.set()
