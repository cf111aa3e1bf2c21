"""The tree of errors. Each says what was wrong, what was got, where, and what to do.

CausalkitError                      exit code 1
├── UsageError                      2   the command or the call does not make sense
│   ├── ConfigError                 2   one or more problems in a config, all at once
│   └── InvalidParameter            2   a component's parameters (also a ValueError)
├── PluginError                     2   a component cannot be found, told apart, or loaded
├── DataError                       1   a log, table or column that cannot be used as asked
├── ModelUnavailable                1   weights or an optional library that are not on this machine
├── ComponentError                  1   a component broke its contract, or raised
├── StoreError                      1   a run folder that cannot be read or written
├── NotFitted                       1   a learned attribute read before `fit` (also an AttributeError)
├── BudgetReached                   4   a cap was reached; what was computed is kept
└── Interrupted                   130   stopped by the user; what was computed is kept
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = [
    "BudgetReached",
    "CausalkitError",
    "ComponentError",
    "ConfigError",
    "DataError",
    "Interrupted",
    "InvalidParameter",
    "ModelUnavailable",
    "NotFitted",
    "PluginError",
    "Problem",
    "StoreError",
    "UsageError",
    "nearest",
]


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for the known name closest to `name`, or an empty string.

    >>> nearest("alfa", ["alpha", "max_k"])
    "; did you mean 'alpha'?"
    """
    found = get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


class CausalkitError(Exception):
    """Base of every error a user can cause or meet.

    Parameters
    ----------
    what : what was wrong, with what was got and where.
    todo : what to do about it, one sentence; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what}\n{self.todo}" if self.todo else self.what


class UsageError(CausalkitError):
    """The command or the call does not make sense."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a config: where (`shop.yaml:7`), which key, and what."""

    path: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return "  ".join(part for part in (self.where, f"{self.path}{self.message}") if part)


class ConfigError(UsageError):
    """Every problem of a config at once."""

    def __init__(self, subject: str, problems: Sequence[Problem], todo: str = "") -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{subject} has {count}:{lines}", todo)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.subject, self.problems, self.todo)


class InvalidParameter(UsageError, ValueError):
    """A component was given parameters it does not take; `problems` lists each."""

    def __init__(self, component: str, problems: Sequence[Problem], todo: str = "") -> None:
        self.component = component
        self.problems = tuple(problems)
        super().__init__(f"{component}: " + "; ".join(str(problem) for problem in problems), todo)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.component, self.problems, self.todo)


class PluginError(CausalkitError):
    """A component cannot be found, told apart from another, or loaded."""

    exit_code = 2


class DataError(CausalkitError):
    """A log, table or column that cannot be used as asked."""


class ModelUnavailable(CausalkitError):
    """Model weights or an optional library are not on this machine."""


class ComponentError(CausalkitError):
    """A component broke its contract (wrong shape, NaN), or raised; says which and whose it is."""


class StoreError(CausalkitError):
    """A run folder that cannot be read or written."""


class NotFitted(CausalkitError, AttributeError):
    """A learned attribute (its name ends in `_`) was read before `fit`."""


class BudgetReached(CausalkitError):
    """A cap on calls, tokens, money or time was reached; what was computed is kept."""

    exit_code = 4


class Interrupted(CausalkitError):
    """Stopped by the user or a signal; what was computed is kept."""

    exit_code = 130
