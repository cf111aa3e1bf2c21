"""The exact top-N of a ranker's scores, overall, per segment and per user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Ranker
from causalkit.errors import ComponentError
from causalkit.statistics import t_interval
from causalkit.types import EXCLUDED, RANKING_COLUMNS, Dataset, Effects, Ranking

__all__ = ["claim", "make_ranking", "ranking_blocks", "top_positions"]

Positions = npt.NDArray[np.int64]

BLOCK = 1024
"""Users whose scores are held in memory at a time."""
EVERYBODY = ""
"""The pseudo-user whom a ranker knows nothing about: its scores are the same for everybody."""


def top_positions(values: npt.NDArray[Any], k: int) -> npt.NDArray[np.int64]:
    """Positions of the k largest of each row, best first, `[rows, k]`; -1 beyond the finite ones.

    Ties go to the earlier position, so the answer is exact and the same on every machine.
    """
    ordered = np.argsort(np.where(np.isfinite(values), -values, np.inf), axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(values, ordered, axis=1)
    return np.where(np.isfinite(found), ordered, -1)


def make_ranking(
    ranker: Ranker,
    name: str,
    effects: Effects | None,
    dataset: Dataset,
    top: int,
    context: Context,
    *,
    only_overall: bool = False,
) -> Ranking:
    """The `top` best items overall, per segment and per user, with what is claimed of each.

    `only_overall` leaves out the lists of segments and users.
    """
    items = list(dataset.items.index)
    lists = _Lists(ranker, name, effects, items, top, context)
    tables = [lists.of("overall", [EVERYBODY], [EVERYBODY])]
    if not only_overall and effects is not None and len(effects.segment):
        own = [u for u in effects.segments.of_user.index if str(u).startswith("segment:")]
        tables += lists.blocks("segment", own, [str(u).removeprefix("segment:") for u in own])
    if not only_overall:
        tables += ranking_blocks(ranker, name, effects, dataset.user_ids(), items, top, context)
    table = pd.concat([t for t in tables if len(t)], ignore_index=True) if any(map(len, tables)) else tables[0]
    return Ranking(table, name, _excluded(effects))


def ranking_blocks(
    ranker: Ranker,
    name: str,
    effects: Effects | None,
    users: Sequence[Any],
    items: Sequence[Any],
    top: int,
    context: Context,
) -> Iterator[pd.DataFrame]:
    """The `top` best of `items` for each of `users`, in their order, a block of users at a time.

    Each table has the columns `RANKING_COLUMNS`, scope `user`, and an index of its own; users with
    nothing to recommend have no row. Memory does not grow with the number of users. `name` is what
    the ranker is called in errors.
    """
    yield from _Lists(ranker, name, effects, list(items), top, context).blocks("user", users, users)


@dataclass(frozen=True)
class _Lists:
    """What all lists of one ranking have in common."""

    ranker: Ranker
    name: str
    effects: Effects | None
    items: list[Any]
    top: int
    context: Context

    def blocks(self, scope: str, ids: Sequence[Any], names: Sequence[Any]) -> Iterator[pd.DataFrame]:
        """The lists of `ids`, `BLOCK` of them at a time."""
        for start in self.context.track(range(0, len(ids), BLOCK), f"ranking {scope}", -(-len(ids) // BLOCK)):
            block = slice(start, start + BLOCK)
            yield self.of(scope, ids[block], names[block])

    def of(self, scope: str, ids: Sequence[Any], names: Sequence[Any]) -> pd.DataFrame:
        """The best items of each of `ids`, who are called `names` in the table."""
        values = np.asarray(self.ranker.scores(ids, self.items, context=self.context).values, np.float64)
        users, items = len(ids), len(self.items)
        if values.shape != (users, items):
            raise ComponentError(
                f"ranker {self.name!r} gave scores of shape {values.shape} for {users} users × {items} items"
            )
        best = top_positions(values, self.top)
        row, rank = np.nonzero(best >= 0)
        column = best[row, rank]
        table = pd.DataFrame(
            {
                "scope": scope,
                "who": np.asarray([str(n) for n in names], object)[row],
                "rank": rank + 1,
                "item": pd.Index(self.items)[column],
                "score": values[row, column],
            }
        )
        return _with_claims(table, self.effects, ids, self.items, row, column)


def _with_claims(
    table: pd.DataFrame,
    effects: Effects | None,
    ids: Sequence[Any],
    items: list[Any],
    row: Positions,
    column: Positions,
) -> pd.DataFrame:
    """The table with what is claimed of `items[column]` for `ids[row]`, row by row."""
    if effects is None:
        blank = {"effect": np.nan, "stderr": np.nan, "lower": np.nan, "upper": np.nan, "level": "", "status": ""}
        return table.assign(**blank)[list(RANKING_COLUMNS)]
    effect, stderr, level = (part[row, column] for part in effects.matrix(ids, items))
    lower, upper = t_interval(effect, stderr)
    own = effects.item.reindex(pd.Index(items)).iloc[column]
    is_item = level == 0
    table = table.assign(
        effect=effect,
        stderr=stderr,
        lower=np.where(is_item, own["lower"], lower),
        upper=np.where(is_item, own["upper"], upper),
        level=np.array(["item", "segment", "pair"])[level],
        status=own["status"].to_numpy(),
    )
    return table[list(RANKING_COLUMNS)]


def claim(effects: Effects, ranking: Ranking, user: Any, item: Any) -> pd.DataFrame:
    """One row as in a ranking: what is claimed of an item for a user (None: everybody)."""
    scope, who = ("overall", EVERYBODY) if user is None else ("user", str(user))
    listed = ranking.of(scope, who)
    at = listed[listed["item"].astype(str) == str(item)]
    if len(at):
        return at.head(1)
    known = {str(u): u for u in effects.segments.of_user.index}
    zero = np.zeros(1, np.int64)
    row = pd.DataFrame({"scope": scope, "who": who, "rank": 0, "item": [item], "score": np.nan})
    return _with_claims(row, effects, [known.get(who, who)], [item], zero, zero)


def _excluded(effects: Effects | None) -> dict[str, int]:
    if effects is None:
        return {}
    counts = effects.item["status"].value_counts()
    return {status: int(counts[status]) for status in counts.index if status in EXCLUDED}
