"""The kinds of component, one protocol each, and what a plugin needs to write one.

A component is a class under `@component` with the methods of its kind. Every method also takes
the keyword `context=Context()`. See `hookspecs.py` for how a plugin makes one known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from causalkit.context import Context
from causalkit.errors import UsageError, nearest
from causalkit.parameters import clone, component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from causalkit.run_handle import Run
    from causalkit.types import (
        Answers,
        CausalGraph,
        Dataset,
        Effects,
        Embeddings,
        Estimand,
        Explanation,
        Knowledge,
        Measurement,
        Outputs,
        Propensities,
        Question,
        Ranking,
        Scores,
        StepRecord,
        Truth,
        Variables,
        Verdicts,
    )

__all__ = [
    "API",
    "INPUTS",
    "KINDS",
    "MARKS",
    "Context",
    "DatasetSource",
    "Declaration",
    "Discoverer",
    "Encoder",
    "Estimator",
    "Executor",
    "Explainer",
    "Kind",
    "LanguageModel",
    "Metric",
    "PropensityModel",
    "Ranker",
    "Refuter",
    "Tracker",
    "clone",
    "component",
    "kind_named",
]

API = 1
"""The version of the contract between the frame and plugins."""

T = TypeVar("T")
R = TypeVar("R")
Level = Literal["item", "segment", "pair"]


@dataclass(frozen=True)
class Declaration:
    """A component that a plugin offers; importing one costs nothing.

    Parameters
    ----------
    name : how a config selects it (`use: name`); lower case, words joined by hyphens.
    target : `"package.module:Class"`; imported only when the component is built.
    summary : one line for `causalkit plugins list`.
    api : the contract it was written for; one that the frame does not speak is refused by name.
    examples : `"package.module:function"`, which takes an empty folder (a `pathlib.Path`) and gives the components
        to check; needed only where its defaults will not do, such as for one that needs files or holds another.
    """

    name: str
    target: str
    summary: str
    api: int = API
    examples: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of component: its name, and the protocol that its components keep."""

    name: str
    protocol: type

    @property
    def hook(self) -> str:
        """The name of the hook that declares components of this kind."""
        return "causalkit_propensities" if self.name == "propensity" else f"causalkit_{self.name}s"

    @property
    def summary(self) -> str:
        """One line: what components of this kind do."""
        return (self.protocol.__doc__ or "").splitlines()[0]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that a component of this kind has."""
        return tuple(name for name, member in vars(self.protocol).items() if isfunction(member) and name[0] != "_")


KINDS: dict[str, Kind] = {}
"""Every kind, in the order in which a run meets them."""

P = TypeVar("P", bound=type)


def _kind(name: str) -> Callable[[P], P]:
    """Enter a protocol into `KINDS`; fields of that type then hold components of the kind."""

    def enter(protocol: P) -> P:
        setattr(protocol, "__kind__", name)  # noqa: B010 (an attribute, not a member of the protocol)
        KINDS[name] = Kind(name, protocol)
        return protocol

    return enter


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises
    ------
    UsageError : there is none.
    """
    if name not in KINDS:
        raise UsageError(f"there is no kind {name!r}{nearest(name, KINDS)}", f"Kinds: {', '.join(KINDS)}.")
    return KINDS[name]


@_kind("dataset")
class DatasetSource(Protocol):
    """A log: who was shown what, and what happened next.

    One that also has `fingerprint(*, context) -> str`, a hash of what it reads, is not read again while that
    stays; so may any component that reads files which its parameters only name.
    """

    def load(self, *, context: Context = ...) -> Dataset:
        """Read the log. Raises `DataError` for one that cannot be used."""
        ...


INPUTS: dict[str, str] = {
    "texts": "str; a missing text is an empty one",
    "images": "str, the path of an image; a missing one is empty",
    "multimodal": "causalkit.types.Multimodal, an item's text and image",
    "histories": "causalkit.types.History, what a user was shown and did in training rows",
}
"""What encoders read, by the name that `input` gives it."""

MARKS: dict[str, str] = {
    "truncated": "bool: the input was longer than the model takes, and was cut",
    "missing": "bool: a part of the input (a text, an image, a history) was not there",
    "unreadable": "bool: the input is there and cannot be read, such as a broken image",
    "cosine": "float32: cosine with the vector at full precision, where that was measured; else NaN",
}
"""What an encoder may say of each input, by name in its `marks_`."""


@_kind("encoder")
class Encoder(Protocol):
    """Texts, images or histories in, vectors out.

    `input` says which it reads: one of `INPUTS`. One that declares `pointwise = True`, so that a vector depends on
    its own input alone, is only given inputs that it never saw before, and the same seed in every run. Either may
    be a property, for an encoder that holds others.

    After `encode`, an encoder may leave `marks_`: arrays of one value per input of that call, named as in `MARKS`.
    The frame keeps them beside the vectors, and says in words what they add up to.
    """

    def fit(self, inputs: Sequence[Any], *, context: Context = ...) -> Encoder:
        """Learn what must be learned from training inputs; returns self."""
        ...

    def encode(self, inputs: Sequence[Any], *, context: Context = ...) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`, row i for input i."""
        ...


@_kind("discoverer")
class Discoverer(Protocol):
    """Variables in, a causal graph out.

    What it may say beside: `takes_prior = True`: `discover` takes the keyword `prior: StructurePrior | None`, beliefs
    that weigh with the data; `takes_pairs = True`: it takes the keyword `pairs: Sequence[tuple[str, str]] | None`, the
    only pairs to ask about; `takes_weights = True`: it reads `Variables.weights`; others are given rows repeated by
    them; `reads_names = True`: what columns are called matters, as to a language model, and is no fault. Each may be a
    property, for a discoverer that holds others.
    """

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = ...
    ) -> CausalGraph:
        """The graph over `variables`, never against `knowledge`."""
        ...


@_kind("propensity")
class PropensityModel(Protocol):
    """The probability that a row was exposed."""

    def fit(self, dataset: Dataset, *, context: Context = ...) -> PropensityModel:
        """Learn from the rows of `dataset`; returns self."""
        ...

    def predict(self, rows: pd.DataFrame, *, context: Context = ...) -> Propensities:
        """P(exposed) in (0, 1) for each row."""
        ...


@_kind("estimator")
class Estimator(Protocol):
    """What exposure causes, at the level it declares: `"item"`, `"segment"` or `"pair"`."""

    effects_: Effects

    @property
    def level(self) -> Level:
        """The level of the effects that it fills."""
        ...

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = ...,
    ) -> Estimator:
        """Estimate; fills `effects_` and returns self."""
        ...


@_kind("refuter")
class Refuter(Protocol):
    """Tries to break an estimate; `sort` is `"software-check"` or `"falsification"`."""

    @property
    def sort(self) -> Literal["software-check", "falsification"]:
        """Whether it can only find bugs, or can see confounding."""
        ...

    def check(self, dataset: Dataset, estimand: Estimand, estimator: Estimator, *, context: Context = ...) -> Verdicts:
        """Refit clones of the fitted `estimator` on altered data; a verdict per item."""
        ...


@_kind("ranker")
class Ranker(Protocol):
    """Scores users × items; the frame takes the exact top-N.

    What it may say beside, so that a million users take minutes: `needs_rows = False` (effects are enough to
    fit it); `alike(users, *, context) -> int64 [n] | None` (users of one number have the same scores);
    `vectors(users, items, *, context) -> (float32 [n, d], float32 [m, d]) | None` (whose inner products the
    scores are; an item with NaN is not recommended).
    """

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = ...,
    ) -> Ranker:
        """Learn from training rows; returns self."""
        ...

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = ...) -> Scores:
        """A score for every user × item; NaN means "do not recommend"."""
        ...


@_kind("explainer")
class Explainer(Protocol):
    """Says in words what stands behind each recommendation."""

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = ...) -> Explanation:
        """A text and its facts for each recommendation of `ranking`."""
        ...


@_kind("metric")
class Metric(Protocol):
    """Measures a run on held-out rows, or against planted truth.

    `needs` names what it reads: any of `"graph"`, `"effects"`, `"ranking"`, `"scores"`, `"truth"`.
    """

    @property
    def needs(self) -> frozenset[str]:
        """What it reads of a run."""
        ...

    def measure(
        self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = ...
    ) -> Measurement:
        """The value with its interval and n."""
        ...


@_kind("llm")
class LanguageModel(Protocol):
    """Answers questions under a JSON schema."""

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = ...) -> Answers:
        """One validated answer per question."""
        ...


@_kind("executor")
class Executor(Protocol):
    """Runs a function over parts, here or elsewhere, and returns results in part order.

    One that has `workers`, how many parts it works on at once (None: as many as there are processors), is given
    inputs to encode in several shards; without it they are encoded in this process.
    """

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> Iterable[R]:
        """Results in the order of `parts`; the first failure is raised."""
        ...

    def close(self) -> None:
        """Free workers; safe to call twice."""
        ...


@_kind("tracker")
class Tracker(Protocol):
    """Is told what a run does; one that raises never fails the run."""

    def started(self, run: Run) -> None:
        """The run folder is there; nothing has run yet."""
        ...

    def step(self, run: Run, record: StepRecord) -> None:
        """A step ended, well or badly."""
        ...

    def finished(self, run: Run) -> None:
        """The run ended; `run.status` says how."""
        ...
