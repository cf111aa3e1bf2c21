"""What a report is made of: results only, handed over by the frame.

Anything may be None or empty; the report then says in words that the step was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from causalkit.types import CausalGraph, Effects, Estimand, Explanation, Measurement, Ranking, StepRecord, Verdicts

__all__ = ["Count", "DatasetFacts", "LadderRow", "ReportView", "TextGain"]


@dataclass(frozen=True)
class Count:
    """Something counted, such as the cells that cleaning touched."""

    what: str
    n: int


@dataclass(frozen=True)
class DatasetFacts:
    """What the log is.

    Parameters
    ----------
    name : for readers.
    rows, items, users, periods : how many; None is not shown.
    assignment : the columns whose combinations are the assignment units; empty says
        "assumes independent rows".
    cleaning : every row or cell that cleaning touched, counted.
    split : the rule that made the parts, in words.
    notes : what a reader must know of the log.
    """

    name: str
    rows: int | None = None
    items: int | None = None
    users: int | None = None
    periods: int | None = None
    assignment: tuple[str, ...] = ()
    cleaning: tuple[Count, ...] = ()
    split: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LadderRow:
    """One rung from naive to adjusted: an effect (a fraction) with its 95 % interval.

    `baseline` is the unexposed outcome of `population`, `naive` the naive effect of that same
    population; rungs of one population stand together, in order. `main` marks the estimand's rung.
    """

    specification: str
    population: str
    effect: float
    lower: float = float("nan")
    upper: float = float("nan")
    baseline: float = float("nan")
    naive: float = float("nan")
    main: bool = False


@dataclass(frozen=True)
class TextGain:
    """What item text added: the encoder, and the held-out error with and without it.

    Errors are of effects, in outcome units per row unit (shown × 100); `error` says which error it is.
    """

    encoder: str
    items: int
    dimensions: int
    with_text: float = float("nan")
    without_text: float = float("nan")
    error: str = "root mean squared error on held-out items"
    note: str = ""


@dataclass(frozen=True)
class ReportView:
    """All that a report shows.

    Parameters
    ----------
    name : the run's or the config's name.
    question : what was asked, one sentence; the report's title.
    answer : the answer in one sentence; made from `effects.pooled` when empty.
    per : the plural noun of a row unit: effects read "per 100 `per`".
    items_called : the plural noun of items, such as `product types`.
    labels : column name → words, for variables of the graph and the estimand.
    item_labels : item id → words, where the id is not what a reader knows.
    tiers, tier_names : column name → tier, and the words for tiers (what can't cause what).
    ladder : naive to adjusted, see `LadderRow`.
    met : what encoders met among texts, images and histories, in words.
    measurements : of every ranker, the run's own and the naive baselines (`of` names which).
    claimed : columns `item`, `claimed`, `held_out`, `stderr` (of the held-out effect), fractions;
        where None, taken from the first measurement whose details have these columns.
    slope : held-out regressed on claimed; where None, the measurement named `calibration-slope`.
    transport : measurements on later rows that were never tuned on; `transport_note` says what they are.
    least_units : fewer treated or control units than this and an item has no effect of its own.
    assumptions : in words: bundle, interference, what is not identified.
    commands : how to reproduce, one command a line.
    config : the resolved config, YAML text. versions : distribution → version.
    config_hash, data_fingerprint : as in the manifest. usage : what language models took, in words.
    """

    name: str
    question: str = ""
    answer: str = ""
    per: str = "rows"
    items_called: str = "items"
    dataset: DatasetFacts | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    item_labels: Mapping[Any, str] = field(default_factory=dict)
    tiers: Mapping[str, int] = field(default_factory=dict)
    tier_names: Mapping[int, str] = field(default_factory=dict)
    graph: CausalGraph | None = None
    estimand: Estimand | None = None
    secondary: tuple[Estimand, ...] = ()
    ladder: tuple[LadderRow, ...] = ()
    effects: Effects | None = None
    text: TextGain | None = None
    met: tuple[str, ...] = ()
    verdicts: tuple[Verdicts, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    claimed: pd.DataFrame | None = None
    slope: Measurement | None = None
    transport: tuple[Measurement, ...] = ()
    transport_note: str = ""
    ranking: Ranking | None = None
    explanation: Explanation | None = None
    least_units: int = 4
    assumptions: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    config: str = ""
    config_hash: str = ""
    data_fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    steps: tuple[StepRecord, ...] = ()
    usage: str = ""

    def label(self, name: object) -> str:
        """The words for a column, or its name."""
        return self.labels.get(str(name)) or str(name)

    def item(self, item: object) -> str:
        """The words for an item, or its id."""
        return str(self.item_labels.get(item, item))

    @property
    def calibration(self) -> Measurement | None:
        """Held-out regressed on claimed, of the run's own ranker."""
        if self.slope is not None:
            return self.slope
        found = [m for m in self.measurements if m.name == "calibration-slope"]
        own = [m for m in found if self.ranking is not None and m.of == self.ranking.ranker]
        return next(iter(own + found), None)

    @property
    def claimed_table(self) -> pd.DataFrame | None:
        """Claimed beside held-out effects per item, or None."""
        if self.claimed is not None:
            return self.claimed
        wanted = {"item", "claimed", "held_out", "stderr"}
        first = (self.calibration,) if self.calibration else ()
        tables = (m.details for m in first + self.measurements if m.details is not None)
        return next((table for table in tables if wanted <= set(table.columns)), None)

    def verdicts_of(self, sort: str) -> tuple[Verdicts, ...]:
        """The verdicts of one sort: `falsification` or `software-check`."""
        return tuple(v for v in self.verdicts if v.sort == sort)
