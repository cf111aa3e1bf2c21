"""What flows from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from causalkit.components import Context
from causalkit.config import Config, Selection
from causalkit.registry import Registry
from causalkit.store.vectors import VectorStore
from causalkit.types import Dataset, Effects, Facts, Outputs, Split

__all__ = ["Filled", "Work"]

Filled = Mapping[str, Any]
"""Fields of `Work` and of its `Outputs`, by name: what a step has made."""


@dataclass(frozen=True)
class Work:
    """What a step is given: the config, and what the steps that it depends on have made.

    `vectors` is where each pointwise encoder keeps what it made, by its selection as `keys.written` gives it;
    `scratch` a folder for arrays that memory is too short for.
    """

    config: Config
    registry: Registry
    context: Context
    dataset: Dataset | None = None
    split: Split | None = None
    outputs: Outputs | None = None
    naive: Effects | None = None
    fingerprint: str = ""
    facts: Facts | None = None
    vectors: Mapping[str, VectorStore] = field(default_factory=dict)
    scratch: Path | None = None

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

    def whose(self, kind: str, selection: Selection) -> str:
        """How errors call a component: its kind and name, and the distribution that it comes from."""
        return f"{kind} {selection.use!r} of {self.registry.find(kind, selection.use).maker}"

    def under(self, name: str) -> Context:
        """The context with seeds of its own."""
        return self.context.under(name)

    def with_outputs(self, **changes: Any) -> Work:
        """The work with some outputs replaced."""
        return replace(self, outputs=replace(self.made, **changes))

    def filled(self, made: Filled) -> Work:
        """The work with what a step has made."""
        own = {name: value for name, value in made.items() if name in _OWN}
        work = replace(self, **own)
        rest = {name: value for name, value in made.items() if name not in _OWN}
        if work.outputs is None and work.dataset is not None and work.split is not None:
            first = Outputs(work.split.take(work.dataset, "training"), work.split)
            return replace(work, outputs=replace(first, **rest))
        return work.with_outputs(**rest) if rest else work

    def taken(self, names: tuple[str, ...]) -> Filled:
        """Some fields of the work and its outputs, by name."""
        return {name: getattr(self if name in _OWN else self.made, name) for name in names}


_OWN = {f.name for f in fields(Work)} - {"outputs"}
