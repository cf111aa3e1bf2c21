"""The exact top-N of a ranker's scores, overall, per segment and per user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Ranker
from causalkit.errors import ComponentError
from causalkit.statistics import t_interval
from causalkit.topn import top_inner_products
from causalkit.types import EXCLUDED, RANKING_COLUMNS, Dataset, Effects, Ranking, Scores

__all__ = ["claim", "make_ranking", "ranking_blocks", "top_positions"]

Positions = npt.NDArray[np.int64]

BLOCK = 1 << 15
"""Users whose lists are made at a time."""
DENSE, CELLS = 1024, 1 << 22
"""Users, and scores, that are held in memory at a time where a ranker must score every item."""
EVERYBODY = ""
"""The pseudo-user whom a ranker knows nothing about: its scores are the same for everybody."""


def top_positions(values: npt.NDArray[Any], k: int) -> npt.NDArray[np.int64]:
    """Positions of the k largest of each row, best first, `[rows, k]`; -1 beyond the finite ones.

    Ties go to the earlier position, so the answer is exact and the same on every machine.
    """
    rising = np.where(np.isfinite(values), -values, np.inf)
    n, m = rising.shape
    if 0 < k < m:
        kth = np.partition(rising, k - 1, axis=1)[:, k - 1 : k]
        chosen = rising <= kth
        tied = np.flatnonzero(np.count_nonzero(chosen, axis=1) > k)
        if len(tied):
            chosen[tied] = _first_tied(rising[tied], kth[tied], k)
        columns = np.nonzero(chosen)[1].reshape(n, k)
    else:
        columns = np.broadcast_to(np.arange(m)[:k], (n, min(k, m)))
    found = np.take_along_axis(rising, columns, axis=1)
    order = np.argsort(found, axis=1, kind="stable")
    listed = np.isfinite(np.take_along_axis(found, order, axis=1))
    return np.where(listed, np.take_along_axis(columns, order, axis=1), -1)


def _first_tied(rising: npt.NDArray[Any], kth: npt.NDArray[Any], k: int) -> npt.NDArray[np.bool_]:
    """What is below the k-th of each row, and the earliest that equal it, k in all."""
    below, equal = rising < kth, rising == kth
    room = k - np.count_nonzero(below, axis=1, keepdims=True)
    return np.asarray(below | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room)))


def make_ranking(
    ranker: Ranker,
    name: str,
    effects: Effects | None,
    dataset: Dataset,
    top: int,
    context: Context,
    *,
    only_overall: bool = False,
    by: str = "",
) -> Ranking:
    """The `top` best items overall, per segment and per user, with what is claimed of each.

    `only_overall` leaves out the lists of segments and users; `by` is what errors call the ranker, where its
    name is not enough.
    """
    items = list(dataset.items.index)
    by = by or f"ranker {name!r}"
    lists = _Lists(ranker, by, effects, items, top, context)
    tables = [lists.of("overall", [EVERYBODY], [EVERYBODY])]
    if not only_overall and effects is not None and len(effects.segment):
        own = [u for u in effects.segments.of_user.index if str(u).startswith("segment:")]
        tables += lists.blocks("segment", own, [str(u).removeprefix("segment:") for u in own])
    if not only_overall:
        tables += ranking_blocks(ranker, name, effects, dataset.user_ids(), items, top, context, by=by)
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
    *,
    by: str = "",
) -> Iterator[pd.DataFrame]:
    """The `top` best of `items` for each of `users`, in their order, a block of users at a time.

    Each table has the columns `RANKING_COLUMNS`, scope `user`, and an index of its own; users with
    nothing to recommend have no row. Memory does not grow with the number of users. `by` is what errors
    call the ranker, where its `name` is not enough.

    A ranker may offer two methods that make it quick. `alike(users, *, context)` numbers users such
    that those with the same number have the same scores (None: it cannot tell): one list serves them
    all. `vectors(users, items, *, context)` gives float32 `[n, d]` and `[m, d]` whose inner products
    are the scores, NaN where an item is not to be recommended (None: there are none).
    """
    lists = _Lists(ranker, by or f"ranker {name!r}", effects, list(items), top, context)
    yield from lists.blocks("user", users, users)


@dataclass(frozen=True)
class _Lists:
    """What all lists of one ranking have in common."""

    ranker: Ranker
    by: str
    effects: Effects | None
    items: list[Any]
    top: int
    context: Context

    def blocks(self, scope: str, ids: Sequence[Any], names: Sequence[Any]) -> Iterator[pd.DataFrame]:
        """The lists of `ids`, some thousands of them at a time."""
        quick = hasattr(self.ranker, "alike") or hasattr(self.ranker, "vectors")
        size = BLOCK if quick else self._dense
        for start in self.context.track(range(0, len(ids), size), f"ranking {scope}", -(-len(ids) // size)):
            block = slice(start, start + size)
            yield self.of(scope, ids[block], names[block])

    def of(self, scope: str, ids: Sequence[Any], names: Sequence[Any]) -> pd.DataFrame:
        """The best items of each of `ids`, who are called `names` in the table."""
        first, which = self._alike(ids)
        listed = ids if len(first) == len(ids) else [ids[at] for at in first]
        best, scores = self._best(listed)
        row, rank = np.nonzero(best >= 0)
        table = pd.DataFrame({"scope": scope, "rank": rank + 1, "item": pd.Index(self.items)[best[row, rank]]})
        table = _with_claims(
            table.assign(score=scores[row, rank]), self.effects, listed, self.items, row, best[row, rank]
        )
        lengths = np.bincount(row, minlength=len(listed))
        begins = np.cumsum(lengths) - lengths
        own = lengths[which]
        at = np.repeat(begins[which] - (np.cumsum(own) - own), own) + np.arange(own.sum())
        who = np.repeat(np.array([str(n) for n in names], object), own)
        return table.take(at).reset_index(drop=True).assign(who=who)[list(RANKING_COLUMNS)]

    @property
    def _dense(self) -> int:
        """Users of whom every score may be held at a time."""
        return max(1, min(DENSE, CELLS // max(1, len(self.items))))

    def _alike(self, ids: Sequence[Any]) -> tuple[Positions, Positions]:
        """Positions in `ids` of one user of each kind, and which of these each of `ids` is like.

        Users are of a kind where the ranker says that their scores are the same, and their effects are.
        """
        ask = getattr(self.ranker, "alike", None)
        codes = None if ask is None or len(ids) < 2 else ask([*ids], context=self.context)
        if codes is not None and np.shape(codes) != (len(ids),):
            raise ComponentError(
                f"{self.by} gave kinds of users of shape {np.shape(codes)} for {len(ids)} users",
                "`alike` must give a number for each user.",
            )
        if codes is not None and self.effects is not None:
            own = np.unique(self.effects.alike(ids), return_inverse=True)[1]
            codes = np.unique(codes, return_inverse=True)[1] * len(ids) + own
        if codes is None:
            return np.arange(len(ids)), np.arange(len(ids))
        _, first, which = np.unique(codes, return_index=True, return_inverse=True)
        if len(first) == len(ids):
            return np.arange(len(ids)), np.arange(len(ids))
        return first, which

    def _best(self, ids: Sequence[Any]) -> tuple[Positions, npt.NDArray[np.float64]]:
        """The best items of each of `ids` as positions, -1 beyond, and their scores."""
        ask = getattr(self.ranker, "vectors", None)
        vectors = None if ask is None else ask([*ids], [*self.items], context=self.context)
        if vectors is not None:
            left, right = vectors
            if (len(left), len(right)) != (len(ids), len(self.items)):
                self._refuse("vectors", (len(left), len(right)), len(ids))
            best, scores = top_inner_products(left, right, self.top)
            return best, scores.astype(float)
        parts = [self._best_dense(ids[at : at + self._dense]) for at in range(0, len(ids), self._dense)]
        empty = np.empty((0, self.top))
        if not parts:
            return empty.astype(np.int64), empty
        return np.concatenate([best for best, _ in parts]), np.concatenate([scores for _, scores in parts])

    def _best_dense(self, ids: Sequence[Any]) -> tuple[Positions, npt.NDArray[np.float64]]:
        self.context.check()
        made = self.ranker.scores([*ids], [*self.items], context=self.context)
        if not isinstance(made, Scores):
            raise ComponentError(f"{self.by} gave {type(made).__name__} from `scores`", "It must give Scores.")
        if np.shape(made.values) != (len(ids), len(self.items)):
            self._refuse("scores", np.shape(made.values), len(ids))
        self._check_order("users", made.users, ids)
        self._check_order("items", made.items, self.items)
        values = self._numbers(made.values)
        best = top_positions(values, self.top)
        return best, np.take_along_axis(values, best, axis=1)

    def _refuse(self, what: str, shape: tuple[int, ...], users: int) -> NoReturn:
        raise ComponentError(
            f"{self.by} gave {what} of shape {shape} for {users} users × {len(self.items)} items",
            "A row for each user and a column for each item.",
        )

    def _check_order(self, what: str, given: Sequence[Any], asked: Sequence[Any]) -> None:
        if len(given) != len(asked) or any(a != b for a, b in zip(given, asked, strict=True)):
            raise ComponentError(
                f"{self.by} gave scores of other {what} than it was asked for, or in another order",
                f"It must give the {what} that it is given, in their order.",
            )

    def _numbers(self, values: Any) -> npt.NDArray[np.float64]:
        try:
            found = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            found = np.full(1, np.inf)
        if np.isinf(found).any():
            raise ComponentError(
                f"{self.by} gave scores that are infinite or no numbers", "It must give NaN for what not to recommend."
            )
        return found


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
        return table.assign(**blank)
    effect, stderr, level = effects.at(ids, items, row, column)
    lower, upper = t_interval(effect, stderr)
    own = effects.item[["lower", "upper", "status"]].reindex(pd.Index(items)).iloc[column]
    is_item = level == 0
    return table.assign(
        effect=effect,
        stderr=stderr,
        lower=np.where(is_item, own["lower"], lower),
        upper=np.where(is_item, own["upper"], upper),
        level=np.array(["item", "segment", "pair"])[level],
        status=own["status"].to_numpy(),
    )


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
    return _with_claims(row, effects, [known.get(who, who)], [item], zero, zero)[list(RANKING_COLUMNS)]


def _excluded(effects: Effects | None) -> dict[str, int]:
    if effects is None:
        return {}
    counts = effects.item["status"].value_counts()
    return {status: int(counts[status]) for status in counts.index if status in EXCLUDED}
