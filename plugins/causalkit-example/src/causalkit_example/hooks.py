"""What this plugin offers: names and places, so that listing plugins imports nothing."""

from __future__ import annotations

from causalkit import Declaration, hookimpl


@hookimpl
def causalkit_estimators() -> list[Declaration]:
    """A log and an estimand in, effects with intervals out."""
    target = "causalkit_example.stratified:StratifiedDifference"
    return [Declaration("stratified-difference", target, "Exposed minus unexposed within strata of like rows.")]
