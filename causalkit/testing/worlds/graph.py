"""Tables whose causal graph is planted: Gaussian, discrete and mixed, and such as break what discovery may assume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import CausalGraph, Column, Edge, Variables

__all__ = ["GRAPH_WORLDS", "GraphWorld", "graph_world"]

ROWS = 2000
ABOUT_GRAPHS = frozenset(
    {"independent-rows", "sufficiency", "faithfulness", "linear-gaussian", "linear-non-gaussian", "discrete"}
)
"""What a planted graph keeps or breaks; what it says nothing of holds in none."""

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class GraphWorld:
    """A table, the graph that made it, and the assumptions that hold in it.

    Parameters
    ----------
    name : how `graph_world` finds it.
    summary : one line: what is planted.
    holds : the assumptions (names of `causalkit.assumptions.ASSUMPTIONS`) that hold in it.
    variables : the table; tiers, where the columns have any, are to be read with `variables.knowledge()`.
    graph : what made it; `<->` joins two variables that a hidden one causes.
    """

    name: str
    summary: str
    holds: frozenset[str]
    variables: Variables
    graph: CausalGraph


GRAPH_WORLDS: dict[str, Callable[[int], GraphWorld]] = {}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def graph_world(name: str, seed: int = 0) -> GraphWorld:
    """The planted world of that name; the same seed draws the same rows."""
    return GRAPH_WORLDS[name](seed)


Drawn = tuple[Variables, Sequence[Edge]]


def _world(name: str, *broken: str) -> Callable[[Callable[[Rng], Drawn]], Callable[[Rng], Drawn]]:
    """Enter a world that breaks some assumptions; its summary is the docstring's first line."""

    def enter(draw: Callable[[Rng], Drawn]) -> Callable[[Rng], Drawn]:
        def make(seed: int) -> GraphWorld:
            rng = np.random.default_rng([seed, *name.encode()])
            variables, edges = draw(rng)
            summary = (draw.__doc__ or "").splitlines()[0]
            return GraphWorld(
                name, summary, ABOUT_GRAPHS - set(broken), variables, CausalGraph(variables.names, tuple(edges))
            )

        GRAPH_WORLDS[name] = make
        return draw

    return enter


def _arrows(*pairs: str) -> list[Edge]:
    """Edges from `"cause effect"`."""
    return [Edge(cause, effect) for cause, effect in map(str.split, pairs)]


def _linear(
    rng: Rng,
    edges: Sequence[Edge],
    order: Sequence[str],
    given: Mapping[str, Floats] | None = None,
    *,
    skewed: bool = False,
) -> Any:
    """Columns by name in causal order: each a sum of its causes, of size .6 to 1, and noise of variance 1.

    The noise is Gaussian, or exponential where `skewed`. Each column is scaled to variance 1, so that no scale tells
    what comes first.
    """
    columns = dict(given or {})
    for name in order:
        causes = [edge.source for edge in edges if edge.target == name]
        value = rng.exponential(size=ROWS) - 1 if skewed else rng.normal(size=ROWS)
        for cause in causes:
            value = value + rng.uniform(0.6, 1) * rng.choice([-1, 1]) * columns[cause]
        columns[name] = value / value.std()
    return columns


def _variables(rng: Rng, columns: Mapping[str, Any], **changes: Any) -> Variables:
    """A table of the columns in an order that says nothing, kinds read off their values."""
    names = [str(name) for name in rng.permutation(sorted(columns))]
    table = pd.DataFrame({name: columns[name] for name in names})
    tiers = changes.pop("tiers", {})
    described = tuple(
        Column(name, _role(name), _kind(table[name]), tiers.get(name), f"planted column {name}") for name in names
    )
    return Variables(table, described, treatment="shown", outcome="bought", **changes)


def _role(name: str) -> Any:
    return {"shown": "treatment", "bought": "outcome"}.get(name, "covariate")


def _kind(column: pd.Series[Any]) -> Any:
    if not pd.api.types.is_numeric_dtype(column):
        return "categorical"
    return "binary" if set(column.unique()) <= {0, 1} else "continuous"


SHOP = _arrows("season price", "season shown", "price bought", "shown bought", "taste bought", "taste visits")


@_world("gaussian", "discrete", "linear-non-gaussian")
def _gaussian(rng: Rng) -> Drawn:
    """Six linear Gaussian columns, some of whose directions no data can tell."""
    columns = _linear(rng, SHOP, ("season", "taste", "price", "shown", "bought", "visits"))
    return _variables(rng, columns), SHOP


@_world("skewed", "discrete", "linear-gaussian")
def _skewed(rng: Rng) -> Drawn:
    """Six linear columns whose noise is not Gaussian: it tells all directions."""
    columns = _linear(rng, SHOP, ("season", "taste", "price", "shown", "bought", "visits"), skewed=True)
    return _variables(rng, columns), SHOP


@_world("independent-skewed", "discrete", "linear-gaussian")
def _independent_skewed(rng: Rng) -> Drawn:
    """Five columns that have nothing to do with each other, none of them Gaussian."""
    return _variables(rng, _linear(rng, (), ("season", "price", "shown", "bought", "taste"), skewed=True)), ()


@_world("tiered", "discrete", "linear-non-gaussian")
def _tiered(rng: Rng) -> Drawn:
    """A Gaussian chain whose directions only the columns' tiers tell."""
    edges = _arrows("taste shown", "shown visits", "visits bought", "bought rated")
    order = ("taste", "shown", "visits", "bought", "rated")
    tiers = {name: tier for tier, name in enumerate(order)}
    return _variables(rng, _linear(rng, edges, order), tiers=tiers), edges


@_world("discrete", "linear-non-gaussian")
def _discrete(rng: Rng) -> Drawn:
    """Five columns of two or three values, each likelier to be high where its causes are."""
    edges = _arrows("season shown", "device shown", "shown bought", "taste bought", "bought rated")
    levels = {"season": 3, "device": 2, "taste": 3, "shown": 2, "bought": 2, "rated": 3}
    codes: dict[str, npt.NDArray[np.int64]] = {}
    for name in ("season", "device", "taste", "shown", "bought", "rated"):
        causes = [edge.source for edge in edges if edge.target == name]
        latent = rng.logistic(size=ROWS) + sum((2.5 * (2 * codes[c] / (levels[c] - 1) - 1) for c in causes), 0.0)
        cuts = np.quantile(latent, np.arange(1, levels[name]) / levels[name])
        codes[name] = np.searchsorted(cuts, latent)
    return _variables(rng, {name: _named(code, levels[name]) for name, code in codes.items()}), edges


def _named(codes: npt.NDArray[np.int64], levels: int) -> Any:
    """0 and 1 as they are; three levels as words."""
    return codes if levels == 2 else pd.Categorical(np.array(["low", "middle", "high"])[codes])


@_world("mixed", "discrete", "linear-non-gaussian")
def _mixed(rng: Rng) -> Drawn:
    """Columns of words and of numbers; numbers are linear in their causes, with Gaussian noise."""
    edges = _arrows("device member", "member visits", "age visits", "visits bought", "device bought", "bought rated")
    device = rng.integers(0, 3, ROWS)
    member = (rng.random(ROWS) < np.array([0.1, 0.5, 0.9])[device]).astype(np.int64)
    numbers = {"device": np.array([-1.0, 0.0, 1.5])[device], "member": 2.0 * member - 1}
    columns = _linear(rng, edges, ("age", "visits", "bought", "rated"), numbers)
    words = pd.Categorical(np.array(["phone", "tablet", "desk"])[device])
    return _variables(rng, columns | {"device": words, "member": member}), edges


@_world("repeated", "discrete", "independent-rows", "linear-non-gaussian")
def _repeated(rng: Rng) -> Drawn:
    """Items by weeks: what is the same for a whole week has as many values as there are weeks, not rows."""
    edges = _arrows("weather bought", "holiday shown", "shown bought", "brand bought")
    weeks, items = 40, ROWS // 40
    week, item = np.repeat(np.arange(weeks), items), np.tile(np.arange(items), weeks)
    fixed = {"weather": rng.normal(size=weeks)[week], "holiday": rng.normal(size=weeks)[week]}
    fixed |= {"fuel": rng.normal(size=weeks)[week], "brand": rng.normal(size=items)[item]}
    columns = _linear(rng, edges, ("shown", "bought"), fixed)
    levels: dict[str, tuple[str, ...]] = {"weather": ("week",), "holiday": ("week",), "fuel": ("week",)}
    levels |= {"brand": ("item",), "shown": ("item", "week"), "bought": ("item", "week")}
    units = pd.DataFrame({"item": [f"i{i}" for i in item], "week": week})
    return _variables(rng, columns, levels=levels, units=units), edges


@_world("over-time", "discrete", "independent-rows", "sufficiency", "linear-non-gaussian")
def _over_time(rng: Rng) -> Drawn:
    """Users by weeks: what was bought in one week moves visits in the next, so the week before is a hidden cause."""
    users, weeks = 100, ROWS // 100
    names, taken = ("taste", "shown", "bought", "visits"), []
    taste, shown, bought = np.zeros((3, users))
    for _ in range(weeks + 10):
        taste, shown = 0.6 * taste + rng.normal(size=users), 0.6 * shown + rng.normal(size=users)
        visits = 0.7 * bought + rng.normal(size=users)
        bought = 0.7 * shown + 0.7 * taste + rng.normal(size=users)
        taken.append((taste, shown, bought, visits))
    values = np.stack(taken[10:])  # [week, column, user]; the first weeks were only to forget the start
    columns = dict(zip(names, np.moveaxis(values, 1, 0).reshape(len(names), -1), strict=True))
    units = pd.DataFrame({"user": np.tile(np.arange(users), weeks), "week": np.repeat(np.arange(weeks), users)})
    levels = dict.fromkeys(names, ("user", "week"))
    made = _variables(rng, columns, levels=levels, units=units, period="week")
    return made, _arrows("taste bought", "shown bought", "bought visits")


@_world("hidden-cause", "discrete", "sufficiency", "linear-non-gaussian")
def _hidden_cause(rng: Rng) -> Drawn:
    """What is shown and what is bought share a cause that no column holds; neither causes the other."""
    seen = [*_arrows("coupon shown", "income bought", "bought rated"), Edge("bought", "shown", "<->")]
    causes = _arrows("coupon shown", "income bought", "bought rated", "mood shown", "mood bought")
    columns = _linear(rng, causes, ("mood", "coupon", "income", "shown", "bought", "rated"))
    del columns["mood"]
    return _variables(rng, columns), seen


@_world("cancelling", "discrete", "faithfulness", "linear-non-gaussian")
def _cancelling(rng: Rng) -> Drawn:
    """A price lowers sales and visits, and brings about the showing that raises both by as much."""
    edges = _arrows("price shown", "shown bought", "price bought", "shown visits", "price visits")
    price = rng.normal(size=ROWS)
    shown = price + rng.normal(size=ROWS)
    bought, visits = (shown - price + rng.normal(size=ROWS) for _ in range(2))
    return _variables(rng, {"price": price, "shown": shown, "bought": bought, "visits": visits}), edges


@_world("curved", "discrete", "linear-gaussian", "linear-non-gaussian")
def _curved(rng: Rng) -> Drawn:
    """Effects that go up and down again: strong, and without correlation."""
    edges = _arrows("taste bought", "price shown", "bought visits")
    taste, price = rng.normal(size=ROWS), rng.normal(size=ROWS)
    bought, shown = (np.cos(2 * cause) + 0.3 * rng.normal(size=ROWS) for cause in (taste, price))
    visits = np.cos(4 * bought) + 0.3 * rng.normal(size=ROWS)
    columns = {"taste": taste, "price": price, "bought": bought, "shown": shown, "visits": visits}
    return _variables(rng, columns), edges


@_world("independent", "discrete", "linear-non-gaussian")
def _independent(rng: Rng) -> Drawn:
    """Six Gaussian columns that have nothing to do with each other."""
    return _variables(rng, _linear(rng, (), ("season", "price", "shown", "bought", "taste", "visits"))), ()


@_world("independent-discrete", "linear-non-gaussian")
def _independent_discrete(rng: Rng) -> Drawn:
    """Six columns of two or three values that have nothing to do with each other."""
    names = ("season", "device", "taste", "shown", "bought", "rated")
    columns = {name: _named(rng.integers(0, 2 + at % 2, ROWS), 2 + at % 2) for at, name in enumerate(names)}
    return _variables(rng, columns), ()
