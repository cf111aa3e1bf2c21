"""For each check a component that fails it, a file for each kind of component.

Each file has `HEALTHY`, components that pass every check of their kind, and `MUTANTS`, check id → a component that
fails that check. Both hold what makes them: a function of an empty folder.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

FILES = (
    "any_kind",
    "any_process",
    "dataset",
    "encoder",
    "encoder_holding",
    "encoder_inputs",
    "encoder_marks",
    "discoverer",
    "propensity",
    "estimator",
    "estimator_facts",
    "effect_worlds",
    "refuter",
    "ranker",
    "ranker_rows",
    "explainer",
    "metric",
    "metric_intervals",
    "llm",
    "executor",
    "tracker",
)

Make = Callable[[Path], Any]


def healthy() -> dict[str, Make]:
    """Name → what makes a component that passes every check."""
    return {f"{name}-{i}": make for name in FILES for i, make in enumerate(import_module(f"{__name__}.{name}").HEALTHY)}


def mutants() -> dict[str, Make]:
    """Check id → what makes a component that fails it."""
    return {id_: make for name in FILES for id_, make in import_module(f"{__name__}.{name}").MUTANTS.items()}
