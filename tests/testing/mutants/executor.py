"""Components that pass, and that fail, the checks in `causalkit.testing.checks.executor`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np
import pandas as pd
from causalkit_plugins.executors.process import Process
from causalkit_plugins.executors.serial import Serial

from causalkit.components import component
from causalkit.errors import CausalkitError
from tests.testing.mutants import Make


@component
class Threads:
    """Runs parts in four threads and gives results in part order."""

    def map(self, function, parts):
        pool, waiting = ThreadPoolExecutor(4), deque()
        try:
            for part in parts:
                waiting.append(pool.submit(function, part))
                if len(waiting) > 8:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self):
        """Nothing is kept."""


HEALTHY: list[Make] = [lambda _: Serial(), lambda _: Process(workers=2), lambda _: Threads()]


def mapping(map_: Callable[..., Any], base: type = Serial) -> Make:
    """The base with another `map(self, function, parts)`."""

    @component
    class Mutant(base):
        """Maps in a way of its own."""

        def map(self, function, parts):
            return map_(self, function, parts)

    return lambda _: Mutant()


def _as_they_end(self, function, parts):
    with ThreadPoolExecutor(4) as pool:
        return [done.result() for done in as_completed([pool.submit(function, part) for part in parts])]


def _reversed_failures(self, function, parts):
    found = [(part, *_tried(function, part)) for part in parts]
    for _, _, error in reversed(found):
        if error is not None:
            raise error
    return [made for _, made, _ in found]


def _tried(function, part):
    try:
        return function(part), None
    except Exception as error:
        return None, error


def _wrapping(self, function, parts):
    try:
        yield from map(function, parts)
    except Exception as error:
        raise RuntimeError(f"a worker said: {error}") from None


def _swallowing(self, function, parts):
    """Leaves out parts that fail with what is no error of causalkit's."""
    for part in parts:
        made, error = _tried(function, part)
        if isinstance(error, CausalkitError):
            raise error
        if error is None:
            yield made


def _broken_for_good(self, function, parts):
    if "_broken" in vars(self):
        raise RuntimeError("the pool is broken")
    for part in parts:
        made, error = _tried(function, part)
        if error is not None:
            self._broken = True
            raise error
        yield made


def _rounded(self, function, parts):
    for made in map(function, parts):
        yield made.astype(np.float32) if isinstance(made, np.ndarray) and made.dtype == float else made


def _one_for_nothing(self, function, parts):
    return list(map(function, parts)) or [None]


def _without_what_cannot_be_sent(self, function, parts):
    return [made if not hasattr(made, "acquire") else None for made in map(function, parts)]


def _one_thread_for_good(self, function, parts):
    os.environ["THREADS_OF_A_MUTANT"] = str(int(os.environ.get("THREADS_OF_A_MUTANT", 0)) + 1)
    return map(function, parts)


def _sorted_parts(self, function, parts):
    """Rows of a part in an order of its own, so that sums round otherwise."""
    return (function(part.iloc[::-1] if isinstance(part, pd.DataFrame) else part) for part in parts)


def _counted(self, function, parts):
    return (function(parts[place]) for place in range(len(parts)))


@component
class OnceClosed(Serial):
    """Can't be closed twice."""

    def close(self):
        if "_closed" in vars(self):
            raise RuntimeError("closed already")
        self._closed = True


MUTANTS: dict[str, Make] = {
    "executor/results-come-in-part-order": mapping(_as_they_end),
    "executor/no-parts-give-no-results": mapping(_one_for_nothing),
    "executor/one-failure-is-raised": mapping(_wrapping),
    "executor/the-first-failure-is-told": mapping(_reversed_failures),
    "executor/any-error-is-raised": mapping(_swallowing),
    "executor/works-after-a-failure": mapping(_broken_for_good),
    "executor/parts-are-not-read-far-ahead": mapping(lambda self, function, parts: map(function, list(parts))),
    "executor/arrays-pass-whole": mapping(_rounded),
    "executor/what-cannot-be-sent-is-told": mapping(_without_what_cannot_be_sent),
    "executor/parts-leave-the-caller-alone": mapping(_one_thread_for_good),
    "executor/close-may-come-twice": lambda _: OnceClosed(),
    "executor/sums-are-the-same": mapping(_sorted_parts),
    "executor/a-context-maps-through-it": mapping(_counted),
}
