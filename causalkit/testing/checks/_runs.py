"""A run as trackers see it, without a runner."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from causalkit.types import Measurement, Outputs, RunResult, StepRecord

__all__ = ["RECORDS", "RunLike"]

RECORDS = (
    StepRecord("load", "done", 1.5, "tables"),
    StepRecord("encode", "skipped"),
    StepRecord("estimate", "reused", 0.01, "aipw"),
    StepRecord("rank", "failed", 0.25, "uplift", "a message\nof two lines: ünïcöde ☃ עברית, 'quotes', <b>marks</b>"),
)
"""Steps as a run tells of them: one that went well, one left out, one taken from before, one that failed."""

_CONFIG = {
    "name": "a check",
    "data": {"use": "tables", "params": {"interactions": "log.csv", "schema": {"columns": {"sku": {"role": "item"}}}}},
    "estimate": {"item": {"use": "aipw", "params": {"folds": 5}}},
    "refute": [],
    "knowledge": None,
    "evaluate": [{"use": "ndcg", "params": {"k": 10}}],
    "seed": 7,
}


class _Config:
    """The resolved config."""

    name, seed, hash = str(_CONFIG["name"]), 7, "0123456789ab"

    def __init__(self) -> None:
        self._said = deepcopy(_CONFIG)

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, lists and scalars."""
        return self._said


@dataclass
class RunLike:
    """What a run in `runs` tells: all that `causalkit.Run` has that is no method; `made` is what it has made by now."""

    runs: Path
    name: str = "20260101T000000-0123456789ab"
    status: str = "running"
    records: Sequence[StepRecord] = ()
    made: Outputs | None = None
    config: _Config = field(default_factory=_Config)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.runs / self.name

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.name

    @property
    def result(self) -> RunResult:
        """Config, hashes, versions, seed, timings, measurements."""
        versions = {"causalkit": "0.1.0", "python": "3.11"}
        return RunResult(
            self.config.to_dict(), self.config.hash, "f" * 64, versions, 7, tuple(self.records), self.measurements
        )

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured, with a value that is not a number among it."""
        if self.made is None:
            return ()
        return (
            Measurement("ndcg@10", 0.25, 0.2, 0.3, 40, of="uplift"),
            Measurement("ndcg@10", 0.2, 0.15, 0.25, 40, of="popularity"),
            Measurement("calibration-slope", float("nan"), of="effects", note="there was nothing to measure"),
        )

    @property
    def report_path(self) -> Path:
        """Where the HTML report is; it is there once the run has ended."""
        return self.path / "report.html"

    def ended(self, made: Outputs, records: Sequence[StepRecord]) -> RunLike:
        """The same run when it has ended badly, with what it had made by then."""
        self.report_path.write_text("<!doctype html><title>a check</title>", "utf-8")
        return RunLike(self.runs, self.name, "failed", records, made, self.config)

    def __getattr__(self, name: str) -> Any:
        if name in ("dataset", "split", "embeddings", "graph", "effects", "ranking", "explanation"):
            where = {"dataset": "training"}.get(name, name)
            return None if self.made is None else getattr(self.made, where)
        if name == "evaluated_effects":
            return self.effects
        if name in ("estimands", "verdicts"):
            return ()
        if name == "outputs":
            return self.made
        raise AttributeError(f"a run has no {name!r}")
