"""Checks that may speak against the effects."""

from __future__ import annotations

import pandas as pd

from causalkit.components import Refuter
from causalkit.statuses import write_statuses
from causalkit.steps import soundness
from causalkit.steps.lending import lent
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
        told = refuter.check(lent(made.training), made.estimand, lent(made.estimator), context=context)
        verdicts.append(soundness.verdicts(told, refuter.sort, work.whose("refuter", selection)))
    span = _graph_range(made.effects)
    effects = write_statuses(made.effects, made.estimand, verdicts, span)
    return work.with_outputs(verdicts=tuple(verdicts), effects=effects)


def _graph_range(effects: Effects) -> pd.DataFrame | None:
    if "graph_lower" not in effects.item:
        return None
    return effects.item[["graph_lower", "graph_upper"]].set_axis(["lower", "upper"], axis=1)
