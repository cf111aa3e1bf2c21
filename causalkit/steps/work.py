"""What flows from step to step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from causalkit.components import Context
from causalkit.config import Config, Selection
from causalkit.registry import Registry
from causalkit.types import Dataset, Effects, Facts, Outputs, Split, Table

__all__ = ["Work"]


@dataclass(frozen=True)
class Work:
    """All that a run has made so far, and what it was asked."""

    config: Config
    registry: Registry
    context: Context
    dataset: Dataset | None = None
    split: Split | None = None
    outputs: Outputs | None = None
    naive: Effects | None = None
    fingerprint: str = ""
    facts: Facts | None = None

    @property
    def skeleton(self) -> Dataset:
        """The dataset without its rows: schema, items and users, which is what a reader needs."""
        return replace(self.log, interactions=Table(self.log.interactions.frame().iloc[:0]), truth=None)

    @property
    def log(self) -> Dataset:
        """The prepared dataset."""
        assert self.dataset is not None
        return self.dataset

    @property
    def made(self) -> Outputs:
        """The outputs so far."""
        assert self.outputs is not None
        return self.outputs

    def build(self, kind: str, selection: Selection) -> Any:
        """A component of the config."""
        return self.registry.build(kind, {"use": selection.use, "params": selection.params})

    def under(self, name: str) -> Context:
        """The context with seeds of its own."""
        return self.context.under(name)

    def with_outputs(self, **changes: Any) -> Work:
        """The work with some outputs replaced."""
        return replace(self, outputs=replace(self.made, **changes))
