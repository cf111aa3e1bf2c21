"""A small plugin for tests of the frame: one component of each kind that a config can select."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from causalkit.components import KINDS, Context, Declaration, Discoverer, Estimator, component
from causalkit.hookspecs import hookimpl
from causalkit.registry import Registry


@component
class Log:
    """A log."""

    rows: int = 100
    "How many rows."
    columns: dict[str, dict[str, str]] = {}  # noqa: RUF012
    "Roles."
    extra: Any = None
    "Whatever."

    def load(self, *, context: Context = Context()):
        raise NotImplementedError


@component
class Means:
    """Means."""

    level: ClassVar[str] = "item"

    def fit(self, dataset, estimand, embeddings=None, *, context=None):
        return self


@component
class Robust(Means):
    """Doubly robust."""

    alpha: float = 0.05
    "A level, below 1."
    folds: int = 5
    "How many folds."
    trim: tuple[float, float] = (0.01, 0.99)
    "Where to cut."

    def __post_init__(self):
        if self.alpha >= 1:
            from causalkit.errors import InvalidParameter, Problem

            raise InvalidParameter("robust", [Problem("alpha", f" = {self.alpha}: must be less than 1")])


@component
class Shrunk(Means):
    """Holds another."""

    of: Estimator
    "What to shrink."
    prior: Estimator | None = None
    "What to shrink towards."
    weight: float = 1.0
    "How strongly."


@component
class Pairs(Means):
    """Fills any level."""

    level: Literal["item", "segment", "pair"] = "pair"
    "What it fills."


@component
class Graph:
    """A graph."""

    parts: tuple[Discoverer, ...] = ()
    "Discoverers to join."

    def discover(self, variables, knowledge=None, *, context=None):
        raise NotImplementedError


@component
class Encode:
    """Text."""

    size: int = 8
    "How long."

    def fit(self, inputs, *, context=None):
        return self

    def encode(self, inputs, *, context=None):
        raise NotImplementedError


@component
class Check:
    """A refuter."""

    sort: ClassVar[str] = "software-check"

    def check(self, dataset, estimand, estimator, *, context=None):
        raise NotImplementedError


@component
class Rank:
    """A ranker."""

    def fit(self, dataset, effects=None, embeddings=None, *, context=None):
        return self

    def scores(self, users, items, *, context=None):
        raise NotImplementedError


@component
class Say:
    """An explainer."""

    def explain(self, ranking, outputs, *, context=None):
        raise NotImplementedError


@component
class Gain:
    """A metric."""

    needs: ClassVar[frozenset[str]] = frozenset()
    k: int = 10
    "How many."

    def measure(self, outputs, test, truth=None, *, context=None):
        raise NotImplementedError


NAMES = {
    "dataset": {"log": "Log"},
    "encoder": {"words": "Encode"},
    "discoverer": {"joined": "Graph"},
    "estimator": {"difference-in-means": "Means", "robust": "Robust", "shrunk": "Shrunk", "pairs": "Pairs"},
    "refuter": {"shuffle": "Check"},
    "ranker": {"uplift": "Rank", "random": "Rank", "popularity": "Rank"},
    "explainer": {"receipt": "Say"},
    "metric": {"gain": "Gain"},
}


def registry() -> Registry:
    """A registry that knows the toys and nothing else."""

    class Toys:
        pass

    for kind, names in NAMES.items():
        declared = [Declaration(name, f"{__name__}:{cls}", cls) for name, cls in names.items()]

        def hook(declared=declared):
            return declared

        hook.__name__ = KINDS[kind].hook
        setattr(Toys, hook.__name__, staticmethod(hookimpl(hook)))
    made = Registry()
    made.add("toys", Toys())
    assert not made.broken, made.broken
    return made
