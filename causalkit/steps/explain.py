"""A receipt for each recommendation."""

from __future__ import annotations

from dataclasses import replace

from causalkit.components import Explainer
from causalkit.steps import soundness
from causalkit.steps.lending import lent
from causalkit.steps.work import Work

__all__ = ["explain"]


def explain(work: Work) -> Work:
    """A receipt for each recommendation that everybody or a segment gets."""
    made = work.made
    assert work.config.explain is not None and made.ranking is not None
    explainer: Explainer = work.build("explainer", work.config.explain)
    shared = replace(made.ranking, table=made.ranking.table[made.ranking.table["scope"] != "user"])
    told = explainer.explain(lent(shared), lent(made), context=work.under("explain"))
    by = work.whose("explainer", work.config.explain)
    return work.with_outputs(explanation=soundness.explanation(told, shared, by))
