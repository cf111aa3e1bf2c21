"""Every hook on one page.

Hooks return declarations; nothing registers by side effect. A plugin is a module (or object) with
some of these functions under `@hookimpl`, named by an entry point in the group `causalkit`:

    [project.entry-points.causalkit]
    mine = "my_package.hooks"
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from causalkit.components import Declaration

if TYPE_CHECKING:
    from causalkit.run_handle import Run

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("causalkit")
hookimpl = pluggy.HookimplMarker("causalkit")


@hookspec
def causalkit_datasets() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Logs in: who was shown what, and what happened next."""


@hookspec
def causalkit_encoders() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Text in, vectors out."""


@hookspec
def causalkit_discoverers() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Variables in, a causal graph out."""


@hookspec
def causalkit_propensities() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Rows in, the probability of exposure out."""


@hookspec
def causalkit_estimators() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """A log and an estimand in, effects with intervals out."""


@hookspec
def causalkit_refuters() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """A fitted estimator in, verdicts on it out."""


@hookspec
def causalkit_rankers() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Users and items in, scores out."""


@hookspec
def causalkit_explainers() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """A ranking in, its receipts out."""


@hookspec
def causalkit_metrics() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """A run and held-out rows in, a measurement out."""


@hookspec
def causalkit_llms() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Questions in, validated answers out."""


@hookspec
def causalkit_executors() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """A function and parts in, results in part order out."""


@hookspec
def causalkit_trackers() -> Iterable[Declaration]:  # type: ignore[empty-body]
    """Told what a run does, for whoever wants to keep it elsewhere."""


@hookspec
def causalkit_run_started(run: Run) -> None:
    """A run begins; its folder is there."""


@hookspec
def causalkit_step_started(run: Run, step: str) -> None:
    """A step begins."""


@hookspec
def causalkit_step_finished(run: Run, step: str, output: object) -> None:
    """A step ended well; `output` is what it made."""


@hookspec
def causalkit_step_failed(run: Run, step: str, error: BaseException) -> None:
    """A step ended badly."""


@hookspec
def causalkit_run_finished(run: Run) -> None:
    """A run ended; `run.status` says how."""
