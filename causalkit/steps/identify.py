"""From design and graph to what must be adjusted for."""

from __future__ import annotations

from causalkit import identification
from causalkit.steps.work import Work

__all__ = ["identify"]


def identify(work: Work) -> Work:
    """What must be adjusted for, from design and graph."""
    plan, made = work.config.identify, work.made
    primary, secondary = identification.identify(
        work.log,
        made.graph,
        target=plan.target,
        secondary=plan.secondary,
        trust_graph=plan.trust_graph,
        adjust=plan.adjust,
        variables=made.variables,
    )
    return work.with_outputs(estimand=primary, secondary=secondary)
