"""What showing each item causes: for the item, its segments, and pairs of user and item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from causalkit.types.dataset import Dataset

__all__ = [
    "EXCLUDED",
    "ITEM_COLUMNS",
    "LADDER_COLUMNS",
    "STATUSES",
    "EffectFactors",
    "Effects",
    "Pooled",
    "SegmentMap",
    "Status",
]

Status = Literal[
    "not-identified",
    "no-path",
    "too-few-clusters",
    "no-overlap",
    "refuted",
    "sensitive",
    "predicted",
    "estimated",
]
STATUSES: tuple[str, ...] = get_args(Status)
"""In order of precedence: the first that holds is the item's status."""
EXCLUDED = frozenset(STATUSES[:5])
"""Statuses that `uplift` leaves out, and counts."""

ITEM_COLUMNS: tuple[str, ...] = (
    "effect",
    "stderr",
    "lower",
    "upper",
    "raw",
    "raw_stderr",
    "p",
    "q",
    "treated",
    "control",
    "ess",
    "baseline",
    "e_value",
    "status",
    "reason",
)
SHOWN = 10
"""Rows that a notebook shows."""
SEGMENT_COLUMNS = ("item", "segment", "effect", "stderr", "lower", "upper", "raw", "raw_stderr")
PAIR_COLUMNS = ("user", "item", "effect", "stderr")
LADDER_COLUMNS = ("specification", "population", "effect", "stderr", "lower", "upper", "baseline")


@dataclass(frozen=True)
class Pooled:
    """The average over items, with its 95 % interval, and over how many items and units.

    `baseline` is the outcome of the same rows had they not been exposed (where nothing is adjusted for,
    of unexposed rows).
    """

    effect: float
    stderr: float
    lower: float
    upper: float
    baseline: float
    items: int
    units: int
    how: str


@dataclass(frozen=True)
class EffectFactors:
    """Vectors whose inner product is the effect: `user_vectors @ item_vectors.T`."""

    users: pd.Index
    user_vectors: npt.NDArray[np.float32]
    items: pd.Index
    item_vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class SegmentMap:
    """Which segment a user is in: in general, and for some items in particular.

    Parameters
    ----------
    of_user : segment by user.
    of_pair : columns `user`, `item`, `segment`; overrides `of_user` for those pairs.
    """

    of_user: pd.Series[str] = field(default_factory=lambda: pd.Series(dtype=str))
    of_pair: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["user", "item", "segment"]))

    @classmethod
    def of(cls, dataset: Dataset) -> SegmentMap:
        """As far as the log says: the users table's column `segment`, and `pair_segment`."""
        known: dict[str, Any] = {}
        if "segment" in dataset.users:
            known["of_user"] = dataset.users["segment"]
        if dataset.pair_segment is not None:
            known["of_pair"] = dataset.pair_segment
        return cls(**known)

    @cached_property
    def names(self) -> pd.Index:
        """Every segment, sorted."""
        found = {*self.of_user.dropna().unique(), *self.of_pair["segment"].unique()}
        return pd.Index(sorted(found), dtype=object)

    def codes(self, users: Sequence[Any]) -> npt.NDArray[np.int64]:
        """Codes `[users]` into `names` of the segment that each is in in general; -1 where unknown."""
        return np.asarray(self.names.get_indexer(self.of_user.reindex(pd.Index(users)).astype(object)), np.int64)

    def matrix(self, users: Sequence[Any], items: Sequence[Any]) -> tuple[npt.NDArray[np.int32], pd.Index]:
        """Codes `[users, items]` into the returned index of segments; -1 where unknown."""
        names, general = self.names, self.codes(users)
        codes = np.repeat(general.astype(np.int32)[:, None], len(items), axis=1)
        if len(self.of_pair):
            rows = pd.Index(users).get_indexer(pd.Index(self.of_pair["user"]))
            columns = pd.Index(items).get_indexer(pd.Index(self.of_pair["item"]))
            known = (rows >= 0) & (columns >= 0)
            segments = names.get_indexer(self.of_pair["segment"].astype(object))
            codes[rows[known], columns[known]] = segments[known]
        return codes, names


@dataclass(frozen=True)
class Effects:
    """Effects in outcome units per row unit (a fraction; reports show it × 100).

    Parameters
    ----------
    item : indexed by item, columns `ITEM_COLUMNS`. `effect`, `stderr`, `lower`, `upper` (95 %) are
        after sharing strength; `raw`, `raw_stderr`, `p` (two-sided), `q` (Benjamini–Hochberg over
        items with a raw estimate) before it; `treated`, `control`, `ess` count assignment units;
        `baseline` is the outcome where unexposed; `e_value` is of `effect`, the point, and not of the
        interval's nearer limit, which would be lower.
    segment : columns `SEGMENT_COLUMNS`, or empty.
    pair : columns `PAIR_COLUMNS`, or empty.
    segments : who is in which segment, so that `predict` works for a user.
    factors : vectors whose inner product is the pair effect, where a method has them.
    pooled : the average over items, where the method gives one.
    ladder : pooled effects step by step, from naive to the one reported, and of treatment arms;
        columns `LADDER_COLUMNS`.
    assumptions : under which the numbers may be read, in words.
    """

    item: pd.DataFrame
    segment: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SEGMENT_COLUMNS)))
    pair: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PAIR_COLUMNS)))
    segments: SegmentMap = field(default_factory=SegmentMap)
    factors: EffectFactors | None = None
    pooled: Pooled | None = None
    ladder: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LADDER_COLUMNS)))
    assumptions: tuple[str, ...] = ()

    def __repr__(self) -> str:
        found = self.item["status"].value_counts() if "status" in self.item else pd.Series(dtype=int)
        counts = ", ".join(f"{n:,} {status}" for status, n in found.items() if status)
        said = [f"{len(self.item):,} items" + (f": {counts}" if counts else "")]
        if self.pooled is not None:
            said.append(f"pooled {self.pooled.effect:.4g} (95 % {self.pooled.lower:.4g} to {self.pooled.upper:.4g})")
        said += [f"{len(t):,} {name} effects" for name, t in (("segment", self.segment), ("pair", self.pair)) if len(t)]
        return f"Effects({'; '.join(said)}; see .item)"

    def _repr_html_(self) -> str:
        columns = [name for name in ("effect", "lower", "upper", "status") if name in self.item]
        best = self.item.sort_values("effect", ascending=False, kind="stable")[columns].head(SHOWN)
        return f"<p>{escape(repr(self))}</p>{best.to_html()}"

    def matrix(
        self, users: Sequence[Any], items: Sequence[Any]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int8]]:
        """Effect, stderr and level (0 item, 1 segment, 2 pair), each `[users, items]`.

        Falls back from pair to segment to item; NaN where none is known.
        """
        table = self.item.reindex(pd.Index(items))
        shape = (len(users), len(items))
        effect = np.broadcast_to(table["effect"].to_numpy(float), shape).copy()
        stderr = np.broadcast_to(table["stderr"].to_numpy(float), shape).copy()
        level = np.zeros(shape, np.int8)
        self._lay_segments(users, items, effect, stderr, level)
        self._lay_pairs(users, items, effect, stderr, level)
        return effect, stderr, level

    @cached_property
    def _personal(self) -> pd.Index:
        """Users of whom something is known that is not their segment's."""
        own = [self.pair["user"], self.segments.of_pair["user"]]
        own += [self.factors.users.to_series()] if self.factors is not None else []
        return pd.Index(dict.fromkeys(user for users in own for user in users.unique()), dtype=object)

    def alike(self, users: Sequence[Any]) -> npt.NDArray[np.int64]:
        """A number for each user: those with the same number have the same effects for every item."""
        at = np.arange(len(users))
        personal = self._personal.get_indexer(pd.Index(users, dtype=object)) >= 0
        general = self.segments.codes(users) if len(self.segment) else np.zeros(len(users), np.int64)
        return np.asarray(np.where(personal, 1 + len(self.segments.names) + at, general))

    def at(
        self, users: Sequence[Any], items: Sequence[Any], row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int8]]:
        """Effect, stderr and level of each pair `users[row]`, `items[column]`: `matrix(users, items)` there alone."""
        from causalkit.types._pairs import effects_at

        return effects_at(self, users, items, row, column)

    def predict(self, users: Sequence[Any], items: Sequence[Any]) -> pd.DataFrame:
        """Effect and stderr of each `users[i]`, `items[i]`, and the `level` it was found at.

        Returns columns `user`, `item`, `effect`, `stderr`, `level` (`pair`, `segment` or `item`).
        """
        all_users, user_at = np.unique(np.asarray(users, object).astype(str), return_inverse=True)
        first_user = {str(u): u for u in users}
        wanted = [first_user[u] for u in all_users]
        all_items = list(dict.fromkeys(items))
        item_at = pd.Index(all_items).get_indexer(pd.Index(items))
        effect, stderr, level = self.at(wanted, all_items, user_at, item_at)
        names = np.array(["item", "segment", "pair"])
        return pd.DataFrame(
            {
                "user": list(users),
                "item": list(items),
                "effect": effect,
                "stderr": stderr,
                "level": names[level],
            }
        )

    def _lay_segments(self, users: Sequence[Any], items: Sequence[Any], effect: Any, stderr: Any, level: Any) -> None:
        if not len(self.segment) or not (len(self.segments.of_user) or len(self.segments.of_pair)):
            return
        codes, names = self.segments.matrix(users, items)
        by_item = pd.Index(items).get_indexer(pd.Index(self.segment["item"]))
        by_segment = names.get_indexer(self.segment["segment"].astype(object))
        known = (by_item >= 0) & (by_segment >= 0)
        values = np.full((len(names), len(items), 2), np.nan)
        values[by_segment[known], by_item[known], 0] = self.segment["effect"].to_numpy(float)[known]
        values[by_segment[known], by_item[known], 1] = self.segment["stderr"].to_numpy(float)[known]
        if not len(names):
            return
        found = values[np.maximum(codes, 0), np.arange(len(items))[None, :]]
        use = (codes >= 0) & np.isfinite(found[..., 0])
        effect[use], stderr[use], level[use] = found[use, 0], found[use, 1], 1

    def _lay_pairs(self, users: Sequence[Any], items: Sequence[Any], effect: Any, stderr: Any, level: Any) -> None:
        if self.factors is not None:
            rows, columns = (
                self.factors.users.get_indexer(pd.Index(users)),
                self.factors.items.get_indexer(pd.Index(items)),
            )
            found = self.factors.user_vectors[rows].astype(float) @ self.factors.item_vectors[columns].T.astype(float)
            use = (rows >= 0)[:, None] & (columns >= 0)[None, :]
            effect[use], level[use] = found[use], 2
        if len(self.pair):
            rows = pd.Index(users).get_indexer(pd.Index(self.pair["user"]))
            columns = pd.Index(items).get_indexer(pd.Index(self.pair["item"]))
            known = (rows >= 0) & (columns >= 0)
            effect[rows[known], columns[known]] = self.pair["effect"].to_numpy(float)[known]
            stderr[rows[known], columns[known]] = self.pair["stderr"].to_numpy(float)[known]
            level[rows[known], columns[known]] = 2
