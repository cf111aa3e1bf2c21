"""What an executor must do: give what a loop in this process gives, in the order of the parts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.reduction import State, add_states, reduce_table
from causalkit.testing.checks._logs import log
from causalkit.testing.kit import Subject, check

_MANY = 40
_AHEAD = 64
"""Parts that may be taken from their source before the first result is asked for or while it is used."""


@check("executor")
def results_come_in_part_order(subject: Subject) -> None:
    """`map` gives the result of each part, in the order of the parts, whichever ends first."""
    with _open(subject) as executor:
        found = list(executor.map(_slow_at_first, range(_MANY)))
    assert found == list(range(_MANY)), f"results of parts 0 to {_MANY - 1} came as {found}"


@check("executor")
def no_parts_give_no_results(subject: Subject) -> None:
    """Without parts there are no results, and nothing is waited for."""
    with _open(subject) as executor:
        found = list(executor.map(abs, []))
    assert found == [], f"no parts gave {found!r}"


@check("executor")
def one_failure_is_raised(subject: Subject) -> None:
    """What a part raises comes out of `map`; an error of `causalkit.errors` as it is."""
    with _open(subject) as executor:
        try:
            found = list(executor.map(_refuse_three, range(6)))
        except DataError as error:
            told = error
        except Exception as error:  # what else it may come as
            what = f"{type(error).__name__}: {error}"
            raise AssertionError(f"a part raised DataError and out came {what}; let CausalkitError through") from None
        else:
            raise AssertionError(f"a part raised, and the map gave {found!r}")
    assert "part 3" in told.what and told.todo == "Leave it out.", f"a part's error came out as {told!r}"


@check("executor")
def the_first_failure_is_told(subject: Subject) -> None:
    """Where several parts fail, the first in their order is raised: each run says the same."""
    with _open(subject) as executor:
        try:
            list(executor.map(_fail_late_then_early, range(6)))
        except Exception as error:  # which it is, another check says
            said = str(error)
        else:
            raise AssertionError("two parts failed, and nothing was raised")
    assert "part 1" in said, f"parts 1 and 2 failed, and it told of {said}"


@check("executor")
def any_error_is_raised(subject: Subject) -> None:
    """What is no error of causalkit's comes out as an error too, and says what it was."""
    with _open(subject) as executor:
        try:
            found = list(executor.map(_divide, [1, 0, 2]))
        except Exception as error:  # of its own kind or as ComponentError
            said = f"{type(error).__name__}: {error}"
        else:
            raise AssertionError(f"a part divided by zero, and the map gave {found!r}")
    assert "division" in said, f"a part divided by zero, and the error says {said!r}"


@check("executor")
def works_after_a_failure(subject: Subject) -> None:
    """A map after one that failed, and one after another that was left half-way, work."""
    with _open(subject) as executor:
        with suppress(Exception):
            list(executor.map(_refuse_three, range(6)))
        _is_abs(list(executor.map(abs, [-1, -2])), "after one that failed")
        half = iter(executor.map(abs, range(-100, 0)))
        next(half)
        if hasattr(half, "close"):
            half.close()
        _is_abs(list(executor.map(abs, [-1, -2])), "after one that was left half-way")


@check("executor")
def parts_are_not_read_far_ahead(subject: Subject) -> None:
    """Parts are taken as they are worked on: a long table is never held whole."""
    taken = []

    def parts() -> Iterator[int]:
        for part in range(5000):
            taken.append(part)
            yield part

    with _open(subject) as executor:
        results = iter(executor.map(abs, parts()))
        for _ in range(3):
            next(results)
        ahead = len(taken) - 3
        if hasattr(results, "close"):
            results.close()
    most = max(_AHEAD, 8 * (os.cpu_count() or 1))
    assert ahead <= most, f"after three results {len(taken)} parts had been read; read them as they are worked on"


@check("executor")
def arrays_pass_whole(subject: Subject) -> None:
    """Arrays of megabytes go out and come back as they were, to the last bit."""
    rng = np.random.default_rng(0)
    big = [rng.normal(size=400_000), np.array([np.nan, np.inf, -0.0, 5e-324]), np.arange(3, dtype=np.int8)]
    with _open(subject) as executor:
        found = list(executor.map(_itself, big))
    for sent, back in zip(big, found, strict=True):
        assert back.dtype == sent.dtype and back.tobytes() == sent.tobytes(), "an array came back changed"


@check("executor")
def what_cannot_be_sent_is_told(subject: Subject) -> None:
    """A result that can't leave a worker raises an error, and does not hang or vanish."""
    with _open(subject) as executor:
        try:
            found = list(executor.map(_lock, [1]))
        except Exception:  # it says that it can't be sent
            return
    assert len(found) == 1 and hasattr(found[0], "acquire"), f"a lock came back as {found!r}"


@check("executor")
def parts_leave_the_caller_alone(subject: Subject) -> None:
    """The environment of this process is as it was once a map has ended."""
    before = dict(os.environ)
    with _open(subject) as executor:
        list(executor.map(abs, [-1]))
    changed = sorted(name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name))
    assert not changed, f"environment variables {', '.join(changed)} were changed; put them back"


@check("executor")
def close_may_come_twice(subject: Subject) -> None:
    """`close` can be called before any map, and again after it was called."""
    subject.fresh().close()
    executor = subject.fresh()
    _is_abs(list(executor.map(abs, [-1, -2])), "before close")
    executor.close()
    executor.close()


@check("executor")
def sums_are_the_same(subject: Subject) -> None:
    """A reduction over rows gives the same bytes through it as in this process."""
    rows = log().dataset.interactions
    with _open(subject) as executor:
        there = reduce_table(_Sums(), rows, _SUMMED, context=Context(executor=executor, part_rows=97))
    here = reduce_table(_Sums(), rows, _SUMMED, context=Context(part_rows=97))
    assert here.tobytes() == there.tobytes(), "sums over rows differ from those of a loop in this process"


@check("executor")
def a_context_maps_through_it(subject: Subject) -> None:
    """`Context.map` and `Context.stream` work through it, with a generator of parts."""
    with _open(subject) as executor:
        context = Context(executor=executor)
        assert context.map(_square, (part for part in range(5))) == [0, 1, 4, 9, 16], "Context.map gave something else"
        streamed = list(context.stream(_square, range(5), "parts"))
    assert streamed == [0, 1, 4, 9, 16], f"Context.stream gave {streamed}"


_SUMMED = ("shown", "bought", "price")


class _Sums:
    """Sums and products of columns, which rounding makes depend on the order of merging."""

    def init(self, broadcast: State) -> State:
        return State({"sums": np.zeros((len(_SUMMED), len(_SUMMED)))})

    def update(self, state: State, part: pd.DataFrame) -> State:
        values = part[list(_SUMMED)].to_numpy(float) * 0.1
        return State({"sums": state.arrays["sums"] + values.T @ values})

    def merge(self, a: State, b: State) -> State:
        return add_states(a, b)

    def finalize(self, state: State) -> npt.NDArray[np.float64]:
        return np.asarray(state.arrays["sums"])


@contextmanager
def _open(subject: Subject) -> Iterator[Any]:
    executor = subject.fresh()
    try:
        yield executor
    finally:
        executor.close()


def _is_abs(found: list[int], when: str) -> None:
    assert found == [1, 2], f"{when}, map(abs, [-1, -2]) gave {found}"


def _square(x: int) -> int:
    return x * x


def _itself(x: Any) -> Any:
    return x


def _slow_at_first(x: int) -> int:
    time.sleep(0.2 if x == 0 else 0)
    return x


def _refuse_three(x: int) -> int:
    if x == 3:
        raise DataError(f"part {x} can't be read", "Leave it out.")
    return x


def _fail_late_then_early(x: int) -> int:
    time.sleep(0.3 if x == 1 else 0)
    if x in (1, 2):
        raise DataError(f"part {x} can't be read")
    return x


def _divide(x: int) -> float:
    return 1 / x


def _lock(x: int) -> Any:
    return Lock()
