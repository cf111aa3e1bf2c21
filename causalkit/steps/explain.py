"""A receipt for each recommendation."""

from __future__ import annotations

from dataclasses import replace

from causalkit.components import Explainer
from causalkit.steps.work import Work

__all__ = ["explain"]


def explain(work: Work) -> Work:
    """A receipt for each recommendation that everybody or a segment gets."""
    made = work.made
    assert work.config.explain is not None and made.ranking is not None
    explainer: Explainer = work.build("explainer", work.config.explain)
    shared = made.ranking.table[made.ranking.table["scope"] != "user"]
    told = explainer.explain(replace(made.ranking, table=shared), made, context=work.under("explain"))
    return work.with_outputs(explanation=told)
