"""What this plugin offers."""

from __future__ import annotations

from causalkit import Declaration, hookimpl

_OFFERED = (
    ("linear-dml", "linear_dml:LinearDML", "EconML's LinearDML, item by item, errors by assignment unit."),
    ("causal-forest-dml", "causal_forest:CausalForestDML", "EconML's causal forest, averaged item by item."),
    ("dr-learner", "dr_learner:DRLearner", "EconML's doubly robust learner, averaged item by item."),
)


@hookimpl
def causalkit_estimators() -> list[Declaration]:
    """A log and an estimand in, effects with intervals out."""
    return [
        Declaration(
            name,
            f"causalkit_econml.{target}",
            summary,
            examples=f"causalkit_econml.examples:{name.replace('-', '_')}",
        )
        for name, target, summary in _OFFERED
    ]
