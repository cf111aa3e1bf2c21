"""What components give back, checked where it enters the frame: a wrong shape or a NaN is refused by name.

Each function returns what it was given, and raises `ComponentError`: whose it is, what it gave, what it must give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import ComponentError, nearest
from causalkit.isolation import said
from causalkit.types import (
    CausalGraph,
    Dataset,
    Explanation,
    Knowledge,
    Measurement,
    Ranking,
    Receipt,
    Schema,
    Table,
    Variables,
    Verdicts,
)
from causalkit.types.graph import Mark

__all__ = ["dataset", "explanation", "graph", "itself", "measurement", "of_type", "refuse", "vectors", "verdicts"]

_BLOCK = 1 << 16
"""Rows that are looked at together: of ten million, what is told of all at once takes as much memory again."""


def refuse(by: str, gave: str, must: str) -> NoReturn:
    """Raise for `by` (`"ranker 'mine' of my-plugin 1.0"`): what it gave, and what it must give."""
    raise ComponentError(f"{by} gave {gave}", f"It must give {must}.")


def of_type(made: Any, wanted: type, by: str, what: str = "") -> None:
    """Refuse anything but an instance."""
    if not isinstance(made, wanted):
        article = "an" if wanted.__name__[0] in "AEIOU" else "a"
        refuse(by, f"{named(made)}{what}", f"{article} {wanted.__name__}")


def named(value: Any) -> str:
    """What something is, in two words."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def itself(fitted: Any, methods: Sequence[str], by: str) -> Any:
    """What `fit` returned, which must be the fitted component."""
    if not all(callable(getattr(fitted, name, None)) for name in methods):
        refuse(by, f"{named(fitted)} from `fit`", "itself: `return self`")
    return fitted


def dataset(made: Any, by: str) -> Dataset:
    """A dataset whose parts are of the right types; what its columns hold is for `preparation.check`."""
    of_type(made, Dataset, by)
    for name, wanted in (
        ("interactions", Table),
        ("schema", Schema),
        ("items", pd.DataFrame),
        ("users", pd.DataFrame),
    ):
        of_type(getattr(made, name), wanted, by, f" as `{name}` of its Dataset")
    return made  # type: ignore[no-any-return]


def vectors(made: Any, rows: int, by: str) -> npt.NDArray[np.float32]:
    """Finite numbers `[rows, d]`, as float32."""
    must = f"float32 of shape ({rows}, d), a finite row for each input"
    try:
        array = np.asarray(made)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged; a tensor that numpy can't have
        refuse(by, f"{named(made)} that is no array ({said(error)})", must)
    if array.dtype.kind != "f":
        refuse(by, f"an array of {array.dtype}", must)
    if array.ndim != 2 or len(array) != rows or (rows and not array.shape[1]):
        refuse(by, f"an array of shape {array.shape} for {rows} inputs", must)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    wrong = sum(int((~np.isfinite(array[at : at + _BLOCK])).any(axis=1).sum()) for at in range(0, rows, _BLOCK))
    if wrong:
        refuse(by, f"vectors with NaN or infinity for {wrong} of {rows} inputs", must)
    return array


def graph(made: Any, seen: Variables, knowledge: Knowledge, by: str) -> CausalGraph:
    """A graph over the variables, and not against what is known."""
    of_type(made, CausalGraph, by)
    for name in made.nodes:
        if name not in seen.names:
            refuse(by, f"a graph with the node {name!r}{nearest(name, seen.names)}", "nodes that are variables it saw")
    for problem in _against(made, knowledge):
        refuse(by, f"a graph against what is known ({knowledge.source}): {problem}", "one that `knowledge` allows")
    return made  # type: ignore[no-any-return]


def _against(made: CausalGraph, knowledge: Knowledge) -> Iterator[str]:
    for edge in made.edges:
        if edge.mark not in get_args(Mark):
            yield f"{edge.source} {edge.mark} {edge.target}, whose mark is none of {', '.join(get_args(Mark))}"
        elif edge.mark == "->" and not knowledge.allows(edge.source, edge.target):
            yield f"{edge}, which is ruled out"
    for cause, effect in sorted(knowledge.required):
        edge_found = made.edge(cause, effect)
        both = cause in made.nodes and effect in made.nodes
        if both and (edge_found is None or (edge_found.source, edge_found.mark) != (cause, "->")):
            yield f"it has no {cause} -> {effect}, which is required"


def verdicts(made: Any, sort: str, by: str) -> Verdicts:
    """A reading of the sort that the refuter declares, its p-values in [0, 1]."""
    of_type(made, Verdicts, by)
    if made.sort != sort:
        refuse(by, f"verdicts of the sort {made.sort!r}", f"those of the sort it declares, {sort!r}")
    of_type(made.item, pd.DataFrame, by, " as `item` of its Verdicts")
    lacking = [name for name in ("estimate", "stderr", "p") if len(made.item) and name not in made.item]
    if lacking:
        refuse(by, f"an item table without {', '.join(lacking)}", "the columns estimate, stderr, p, or an empty table")
    if not made.item.index.is_unique:
        refuse(by, "two readings of one item", "a row per item")
    words = [name for name in ("estimate", "stderr", "p") if len(made.item) and made.item[name].dtype.kind not in "fiu"]
    if words:
        refuse(by, f"an item table whose {', '.join(words)} are no numbers", "numbers, NaN where it could not try")
    p = made.item["p"].to_numpy(float) if len(made.item) else np.empty(0)
    if ((p < 0) | (p > 1)).any():
        refuse(by, f"a p-value of {p[(p < 0) | (p > 1)][0]:g}", "p-values in [0, 1], NaN where it could not try")
    return made  # type: ignore[no-any-return]


def measurement(made: Any, by: str) -> Measurement:
    """A finite value within its interval; NaN only with a note that says why."""
    of_type(made, Measurement, by)
    numbers = [made.value, made.lower, made.upper]
    if (
        not all(isinstance(x, int | float | np.integer | np.floating) for x in numbers)
        or np.isinf(np.array(numbers, float)).any()
    ):
        refuse(by, f"value, lower, upper = {numbers}", "finite numbers; NaN for an interval that it does not have")
    if np.isnan(made.value) and not made.note:
        refuse(by, "NaN without a note", "a value, or a `note` that says why there is none")
    if made.lower > made.upper:
        refuse(by, f"an interval from {made.lower:g} to {made.upper:g}", "lower ≤ upper")
    return made  # type: ignore[no-any-return]


def explanation(made: Any, ranking: Ranking, by: str) -> Explanation:
    """A text for each recommendation, and for no other."""
    of_type(made, Explanation, by)
    of_type(made.receipts, tuple, by, " as `receipts`")
    for receipt in made.receipts:
        of_type(receipt, Receipt, by, " among `receipts`")
        of_type(receipt.text, str, by, " as the `text` of a receipt")
    rows = zip(ranking.table["scope"], ranking.table["who"], ranking.table["item"], strict=True)
    asked = {tuple(map(str, row)) for row in rows}
    told = {(str(r.scope), str(r.who), str(r.item)) for r in made.receipts if r.text}
    if told != asked:
        lost, more = len(asked - told), len(told - asked)
        gave = f"no text for {lost} of {len(asked)} recommendations" if lost else f"{more} texts that nobody asked for"
        refuse(by, gave, "a receipt with a text for each row of `ranking`")
    return made  # type: ignore[no-any-return]
