"""What this plugin offers."""

from __future__ import annotations

from causalkit import Declaration, hookimpl


@hookimpl
def causalkit_trackers() -> list[Declaration]:
    """Told what a run does, for whoever wants to keep it elsewhere."""
    summary = "Runs, measurements and reports on an MLflow server."
    examples = "causalkit_mlflow.examples:mlflow"
    return [Declaration("mlflow", "causalkit_mlflow.tracker:Mlflow", summary, examples=examples)]
