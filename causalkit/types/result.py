"""What a run has made so far, what it measured, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from causalkit.types.answers import Usage
from causalkit.types.dataset import Dataset, Split
from causalkit.types.effects import Effects
from causalkit.types.embeddings import Embeddings
from causalkit.types.estimand import Estimand
from causalkit.types.explanation import Explanation
from causalkit.types.graph import CausalGraph
from causalkit.types.ranking import Ranking
from causalkit.types.scores import Scores
from causalkit.types.variables import Variables
from causalkit.types.verdicts import Verdicts

if TYPE_CHECKING:
    from causalkit.components import Estimator

__all__ = ["NO_TEXT", "Facts", "Measurement", "Outputs", "RunResult", "StepRecord"]

NO_TEXT = "without text"
"""`Measurement.of` for the same effects fitted without item vectors."""


@dataclass(frozen=True)
class Measurement:
    """A measured value with its 95 % interval and how many units it rests on.

    `of` names what was measured (a ranker, `effects`, `graph`), `on` which rows (`test`, `transport`,
    `truth`); `note` says what a reader must know.
    """

    name: str
    value: float
    lower: float = float("nan")
    upper: float = float("nan")
    n: int = 0
    of: str = ""
    on: str = "test"
    note: str = ""
    details: pd.DataFrame | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Outputs:
    """A read-only view of all that a run has made so far; what is not there yet is None."""

    training: Dataset
    split: Split | None = None
    variables: Variables | None = None
    embeddings: Embeddings | None = None
    graph: CausalGraph | None = None
    estimand: Estimand | None = None
    secondary: tuple[Estimand, ...] = ()
    estimator: Estimator | None = None
    effects: Effects | None = None
    verdicts: tuple[Verdicts, ...] = ()
    ranker: str = ""
    scores: Callable[[Sequence[Any], Sequence[Any]], Scores] | None = None
    ranking: Ranking | None = None
    explanation: Explanation | None = None
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What a prepared log is, in counts: kept with the run when the rows are not.

    `cleaning` holds what was done and how many rows or cells it touched.
    """

    rows: int
    items: int
    users: int
    periods: int
    split: str
    cleaning: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepRecord:
    """How one step of a run ended: `done`, `failed`, `skipped` or `interrupted`.

    `usage` is what language models took, where the step asked one: as it was when their answers were first given.
    """

    step: str
    status: str
    seconds: float = 0.0
    component: str = ""
    message: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run says of itself: filled config, hashes, versions, seeds, timings, measurements."""

    config: Mapping[str, Any]
    config_hash: str
    data_fingerprint: str
    versions: Mapping[str, str]
    seed: int
    steps: tuple[StepRecord, ...]
    measurements: tuple[Measurement, ...] = ()

    @property
    def usage(self) -> Usage | None:
        """What language models took in all steps; None where no step asked one."""
        parts = [step.usage for step in self.steps if step.usage is not None]
        return Usage.together(parts) if parts else None

    def __repr__(self) -> str:
        steps = ", ".join(f"{s.step} {s.status}" for s in self.steps)
        return f"RunResult({self.config.get('name', '')} {self.config_hash}, seed {self.seed}; {steps})"
