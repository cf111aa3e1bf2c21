"""Checks, what they are run on, and what they find: the frame of the conformance kit.

A check is a function under `@check(kind, …)` that takes a `Subject` and fails by raising: an `AssertionError` says
what the component does wrong, `NotApplicable` why there is nothing to look at, anything else is a failure too.
"""

from __future__ import annotations

import inspect
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from causalkit.components import KINDS, clone, kind_named
from causalkit.errors import CausalkitError, UsageError
from causalkit.isolation import said

__all__ = [
    "CHECKS",
    "STATUSES",
    "Check",
    "Finding",
    "Judged",
    "NotApplicable",
    "ScoreCard",
    "Subject",
    "Unverified",
    "check",
    "checks_for",
    "conformance",
    "examine",
    "find",
    "kind_of",
]

Status = Literal["passed", "failed", "not-applicable", "unverified"]
STATUSES: tuple[Status, ...] = get_args(Status)


class NotApplicable(Exception):
    """A check has nothing to look at in this component; the message says why."""


class Unverified(NotApplicable):
    """A component claims nothing that this check could hold it to."""


@dataclass(frozen=True)
class Subject:
    """A component under check.

    Parameters
    ----------
    kind : its kind.
    example : it, with the parameters that it is checked under; checks use copies.
    folder : an empty folder that checks may write to.
    """

    kind: str
    example: Any
    folder: Path

    @property
    def cls(self) -> type:
        """The component's class."""
        return type(self.example)

    def fresh(self) -> Any:
        """An unfitted copy."""
        return clone(self.example)


@dataclass(frozen=True)
class Check:
    """One thing that components of some kinds must do; `id` is `kind/what-it-holds`, or `any/…` for every kind."""

    id: str
    kinds: tuple[str, ...]
    run: Callable[[Subject], None]

    @property
    def summary(self) -> str:
        """What it holds a component to, one line."""
        return (inspect.getdoc(self.run) or "").splitlines()[0]


CHECKS: dict[str, Check] = {}
"""Every check, by id."""


def check(*kinds: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Enter a check for some kinds, or for every kind where none is named."""

    def enter(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
        of = kinds[0] if len(kinds) == 1 else "any"
        made = Check(f"{of}/{run.__name__.strip('_').replace('_', '-')}", kinds or tuple(KINDS), run)
        if made.id in CHECKS:
            raise ValueError(f"two checks are called {made.id}")
        CHECKS[made.id] = made
        return run

    return enter


def checks_for(kind: str) -> tuple[Check, ...]:
    """The checks that components of a kind are held to."""
    import causalkit.testing.checks  # noqa: F401 (entering them is what importing does)

    wanted = kind_named(kind).name
    return tuple(found for found in CHECKS.values() if wanted in found.kinds)


def kind_of(cls: type) -> str:
    """The kind whose methods a class has; the one with the most of them, where there are several.

    Raises
    ------
    UsageError : it has those of none.
    """
    having = [kind for kind in KINDS.values() if all(callable(getattr(cls, name, None)) for name in kind.methods)]
    if not having:
        known = "; ".join(f"{kind.name}: {', '.join(kind.methods)}" for kind in KINDS.values())
        raise UsageError(f"{cls.__name__} has the methods of no kind", f"Kinds and their methods: {known}.")
    return max(having, key=lambda kind: len(kind.methods)).name


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    reason: str = ""
    seconds: float = 0.0


class Judged:
    """What follows from the findings of one component's checks."""

    findings: tuple[Finding, ...]

    def of(self, status: Status) -> tuple[Finding, ...]:
        """The findings of one status."""
        return tuple(found for found in self.findings if found.status == status)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.of("failed")

    @property
    def verified(self) -> bool:
        """Whether nothing failed and nothing is left unverified."""
        return self.passed and not self.of("unverified")


@dataclass(frozen=True)
class ScoreCard(Judged):
    """What every check found of one component.

    `assumes` is what it says it rests on; None where it says nothing: it is then unverified in planted worlds.
    """

    kind: str
    component: str
    findings: tuple[Finding, ...]
    assumes: frozenset[str] | None = None


def find(subject: Subject, wanted: Check) -> Finding:
    """Run one check; nothing that the component does escapes but an interrupt."""
    status: Status
    began = time.perf_counter()
    try:
        wanted.run(subject)
        status, reason = "passed", ""
    except Unverified as told:
        status, reason = "unverified", str(told)
    except NotApplicable as told:
        status, reason = "not-applicable", str(told)
    except AssertionError as error:
        status, reason = "failed", str(error) or _where(error)
    except (Exception, SystemExit) as error:  # a stranger's component may raise anything
        status, reason = "failed", f"{said(error)} ({_where(error)})"
    return Finding(wanted.id, status, reason, round(time.perf_counter() - began, 3))


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}: {last.line}"


def examine(example: Any, kind: str = "", checks: Iterable[str] | None = None) -> ScoreCard:
    """Run the checks of its kind on a component.

    Parameters
    ----------
    example : the component, with the parameters to check it under.
    kind : its kind; found from its methods where it is left out.
    checks : ids of the checks to run; all where left out.
    """
    kind = kind or kind_of(type(example))
    wanted = checks_for(kind) if checks is None else tuple(c for c in checks_for(kind) if c.id in set(checks))
    findings = []
    for one in wanted:
        with tempfile.TemporaryDirectory(prefix="causalkit-check-") as folder:
            findings.append(find(Subject(kind, example, Path(folder)), one))
    return ScoreCard(kind, type(example).__name__, tuple(findings), _assumed(example))


def _assumed(example: Any) -> frozenset[str] | None:
    """What it assumes; None too where that cannot be read, which is for a check to say."""
    from causalkit.assumptions import assumed_by

    try:
        return assumed_by(example)
    except (CausalkitError, TypeError):
        return None


def conformance(
    component: Any, kind: str = "", *, expected_failures: dict[str, str] | None = None
) -> Callable[[Check, Path], None]:
    """A pytest test with a case for each check of the component's kind.

        from causalkit.testing import conformance
        from my_package.mine import Mine

        test_conformance = conformance(Mine)

    Parameters
    ----------
    component : its class, where its defaults will do; or one with the parameters to check it under.
    kind : its kind; found from its methods where it is left out.
    expected_failures : check id → why it can't pass; such a check must fail.
    """
    import pytest

    example = component() if isinstance(component, type) else component
    wanted = checks_for(kind or kind_of(type(example)))
    expected = expected_failures or {}

    @pytest.mark.parametrize("wanted", _cases(pytest, wanted, expected), ids=str)
    def test(wanted: Check, tmp_path: Path) -> None:
        found = find(Subject(kind or kind_of(type(example)), example, tmp_path), wanted)
        if found.status in ("not-applicable", "unverified"):
            pytest.skip(f"{found.status}: {found.reason}")
        assert found.status == "passed", f"{wanted.id} ({wanted.summary}): {found.reason}"

    return test


def _cases(pytest: Any, wanted: Sequence[Check], expected: dict[str, str]) -> list[Any]:
    return [
        pytest.param(
            one,
            id=one.id,
            marks=[pytest.mark.xfail(reason=expected[one.id], strict=True)] if one.id in expected else [],
        )
        for one in wanted
    ]
