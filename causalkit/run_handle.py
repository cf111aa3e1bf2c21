"""The handle on a run: everything that it made, read from its folder."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from causalkit.config import Config, resolved_config
from causalkit.errors import ConfigError, StoreError, UsageError, nearest
from causalkit.registry import Registry, default_registry
from causalkit.store import UNCONFIGURED, RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from causalkit.types import (
        CausalGraph,
        Dataset,
        Effects,
        Embeddings,
        Estimand,
        Explanation,
        Measurement,
        Outputs,
        Ranking,
        Receipt,
        RunResult,
        Split,
        Verdicts,
    )

__all__ = ["Run"]


class Run:
    """The handle on a run folder; everything is read from it when asked for."""

    def __init__(self, folder: RunFolder, registry: Registry | None = None) -> None:
        self.folder = folder
        self.registry = registry or default_registry()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def status(self) -> str:
        """`running`, `done`, `failed`, `interrupted`, or `killed`: it says running and nobody is at work on it."""
        return self.folder.status

    @cached_property
    def config(self) -> Config:
        """The resolved config, defaults filled in."""
        if not (self.path / "config.yaml").is_file():
            raise StoreError(f"{self.path} has no config.yaml", UNCONFIGURED)
        try:
            return resolved_config(self.path / "config.yaml")
        except ConfigError as error:
            raise StoreError(f"{self.path / 'config.yaml'} is damaged: {error.problems[0]}", UNCONFIGURED) from error

    @property
    def result(self) -> RunResult:
        """Config, hashes, versions, seed, timings, measurements."""
        from causalkit.types import RunResult, StepRecord, Usage

        m = self.folder.manifest
        steps = tuple(
            StepRecord(**{**step, "usage": Usage(**step["usage"]) if "usage" in step else None}) for step in m["steps"]
        )
        return RunResult(
            self.config.to_dict(),
            m["config_hash"],
            m["data_fingerprint"],
            m["versions"],
            m["seed"],
            steps,
            self.measurements,
        )

    def _latest(self, *places: str) -> Any:
        return next((found for place in places if (found := self.folder.load(place)) is not None), None)

    @cached_property
    def dataset(self) -> Dataset:
        """Schema, items and users; the rows of interactions stay where they came from."""
        return cast("Dataset", self._latest("load/dataset"))

    def log(self) -> Dataset:
        """The prepared log with its rows: as it was kept in the cache, or read once more.

        Raises
        ------
        DataError : it had to be read once more, and is not what the run saw.
        """
        from causalkit.steps.shelf import prepared_log

        return prepared_log(self)

    @cached_property
    def split(self) -> Split | None:
        """Which rows served what."""
        return cast("Split | None", self._latest("load/split"))

    @cached_property
    def embeddings(self) -> Embeddings | None:
        """Item and user vectors."""
        return cast("Embeddings | None", self._latest("encode/embeddings"))

    @cached_property
    def graph(self) -> CausalGraph | None:
        """The causal graph."""
        return cast("CausalGraph | None", self._latest("discover/graph"))

    @cached_property
    def estimands(self) -> tuple[Estimand, ...]:
        """The primary estimand, then the secondary ones."""
        return self._latest("identify/estimands") or ()

    @cached_property
    def effects(self) -> Effects | None:
        """The reported effects: refitted on training and test rows, where that was done."""
        return cast("Effects | None", self._latest("refit/effects", "refute/effects", "estimate/effects"))

    @cached_property
    def evaluated_effects(self) -> Effects | None:
        """The effects that were measured on held-out rows, before the refit."""
        return cast("Effects | None", self._latest("refute/effects", "estimate/effects"))

    @cached_property
    def verdicts(self) -> tuple[Verdicts, ...]:
        """What the refuters read, of the reported effects."""
        return self._latest("refit/verdicts", "refute/verdicts") or ()

    @cached_property
    def ranking(self) -> Ranking | None:
        """The reported lists: overall, per segment, per user."""
        return cast("Ranking | None", self._latest("refit/ranking", "rank/ranking"))

    @cached_property
    def explanation(self) -> Explanation | None:
        """The receipts of the overall and the segments' lists."""
        return cast("Explanation | None", self._latest("explain/explanation"))

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured on held-out rows, baselines beside."""
        return self._latest("evaluate/measurements") or ()

    @property
    def outputs(self) -> Outputs:
        """What the run made, as components see it; without rows."""
        from causalkit.types import Outputs

        return Outputs(
            training=self.dataset,
            split=self.split,
            embeddings=self.embeddings,
            graph=self.graph,
            estimand=next(iter(self.estimands), None),
            secondary=self.estimands[1:],
            effects=self.effects,
            verdicts=self.verdicts,
            ranker=self.config.rank.use,
            ranking=self.ranking,
            explanation=self.explanation,
            measurements=self.measurements,
        )

    def recommend(self, user: Any = None, k: int | None = None) -> pd.DataFrame:
        """The list of a user, best first; None gives the list for everybody.

        Raises
        ------
        UsageError : a user whom the run does not know, or a run without a ranking.
        """
        ranking = self._need(self.ranking, "ranking", "rank")
        if user is None:
            return ranking.of().head(k) if k else ranking.of()
        found = ranking.of("user", user)
        if found.empty:
            known = ranking.table.loc[ranking.table["scope"] == "user", "who"]
            raise UsageError(
                f"run {self.id} has no user {user!r}{nearest(str(user), known.unique()[:5000])}",
                "Leave the user out for the list that is the same for everybody.",
            )
        return found.head(k) if k else found

    def explain(self, user: Any = None, item: Any = None) -> Receipt:
        """The receipt of one item: for a user, or for everybody.

        Raises
        ------
        UsageError : an item or user whom the run does not know.
        """
        from causalkit.ranking import claim

        effects = self._need(self.effects, "effects", "estimate")
        ids = {str(i): i for i in effects.item.index}
        if str(item) not in ids:
            raise UsageError(f"run {self.id} has no item {item!r}{nearest(str(item), ids)}")
        if user is not None:
            self.recommend(user)
        ranking = self._need(self.ranking, "ranking", "rank")
        asked = replace(ranking, table=claim(effects, ranking, user, ids[str(item)]))
        selection = self.config.explain
        use, params = (selection.use, selection.params) if selection else ("receipt", {})
        explainer = self.registry.build("explainer", {"use": use, "params": params})
        from causalkit.steps.lending import copy_on_write, lent
        from causalkit.steps.soundness import explanation

        with copy_on_write():
            told = explainer.explain(lent(asked), lent(self.outputs))
        return explanation(told, asked, f"explainer {use!r} of {self.registry.find('explainer', use).maker}").receipts[
            0
        ]

    def _need(self, found: Any, what: str, step: str) -> Any:
        if found is None:
            raise self.lacks(what, step)
        return found

    def lacks(self, what: str, step: str) -> UsageError:
        """The error to raise where the run has no `what`, which `step` makes."""
        skipped = any(s["step"] == step and s["status"] == "skipped" for s in self.folder.manifest["steps"])
        todo = "Its config leaves that out." if skipped else f"`causalkit run --resume {self.path}` goes on to the end."
        return UsageError(f"run {self.id} ({self.status}) has no {what}", todo)

    @property
    def report_path(self) -> Path:
        """Where the HTML report is."""
        return self.folder.report

    def write_report(self) -> Path:
        """Write `report.html` from what the folder holds."""
        from causalkit.reporting.from_run import report_view
        from causalkit.reporting.html import render_report

        self.folder.write_text("report.html", render_report(report_view(self)))
        return self.report_path

    def open_report(self) -> None:
        """Show the report in the browser."""
        import webbrowser

        webbrowser.open(self.report_path.resolve().as_uri())
