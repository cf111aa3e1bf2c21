"""Checks that may speak against the effects."""

from __future__ import annotations

import pandas as pd

from causalkit.components import Refuter
from causalkit.statuses import write_statuses
from causalkit.steps.work import Work
from causalkit.types import Effects

__all__ = ["refute"]


def refute(work: Work) -> Work:
    """Falsifications and software checks; only the first may refute."""
    made = work.made
    assert made.estimand is not None and made.estimator is not None and made.effects is not None
    verdicts = []
    for selection in work.config.refute:
        refuter: Refuter = work.build("refuter", selection)
        context = work.under(f"refute.{selection.use}")
        verdicts.append(refuter.check(made.training, made.estimand, made.estimator, context=context))
    span = _graph_range(made.effects)
    effects = write_statuses(made.effects, made.estimand, verdicts, span)
    return work.with_outputs(verdicts=tuple(verdicts), effects=effects)


def _graph_range(effects: Effects) -> pd.DataFrame | None:
    if "graph_lower" not in effects.item:
        return None
    return effects.item[["graph_lower", "graph_upper"]].set_axis(["lower", "upper"], axis=1)
