"""Histories of many users, kept in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types.embeddings import EmbeddingTable
from causalkit.types.inputs import History

__all__ = ["Histories"]

Floats = npt.NDArray[np.float32]
_COLUMNS = ("exposed", "outcome", "age", "weight")


@dataclass(frozen=True, eq=False)
class Histories(Sequence[History]):
    """A history for each user, in columns: a `History` is made when it is asked for.

    Encoders are given it as a sequence like any other; one that is fast over users reads the columns. Part of it,
    `histories[a:b]`, shares them. Nothing in it can be written to.

    Parameters
    ----------
    starts : rows of user i are `starts[i]` to `starts[i + 1]`, oldest first; int64 `[users + 1]`.
    item : each row's place in `items`, int32 `[rows]`.
    items : ids of items.
    exposed, outcome, age, weight : as in `History`, float32 `[rows]`.
    signals : other logged behaviour by column, float32 `[rows]`.
    vectors : vectors of items; None where items are not encoded.
    """

    starts: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    items: pd.Index
    exposed: Floats
    outcome: Floats
    age: Floats
    weight: Floats
    signals: Mapping[str, Floats] = field(default_factory=dict)
    vectors: EmbeddingTable | None = None

    def __post_init__(self) -> None:
        for name in ("starts", "item", *_COLUMNS):
            vars(self)[name] = _closed(getattr(self, name))
        vars(self)["signals"] = {name: _closed(values) for name, values in self.signals.items()}

    def __repr__(self) -> str:
        return f"Histories({len(self):,} users, {self.rows:,} rows)"

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> int:
        """How many rows the users have together."""
        return int(self.starts[-1] - self.starts[0])

    @property
    def user(self) -> npt.NDArray[np.int64]:
        """Each row's user, as a place in this sequence, int64 `[rows]`; of a part, of its own rows."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @overload
    def __getitem__(self, place: int) -> History: ...
    @overload
    def __getitem__(self, place: slice) -> Histories: ...
    def __getitem__(self, place: int | slice) -> History | Histories:
        if isinstance(place, slice):
            return self._part(place)
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        user = place % len(self)
        rows = slice(int(self.starts[user]), int(self.starts[user + 1]))
        return History(
            self.items.take(self.item[rows]).to_numpy(object),
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
            signals={name: values[rows] for name, values in self.signals.items()},
            vectors=self.vectors,
        )

    def _part(self, place: slice) -> Histories:
        first, last, step = place.indices(len(self))
        if step != 1:
            return Histories.of([self[i] for i in range(first, last, step)], self)
        bounds = self.starts[first : max(last, first) + 1]
        rows = slice(int(bounds[0]), int(bounds[-1]))
        return replace(
            self,
            starts=bounds - bounds[0],
            item=self.item[rows],
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
            signals={name: values[rows] for name, values in self.signals.items()},
        )

    @classmethod
    def of(cls, histories: Sequence[History], like: Histories | None = None) -> Histories:
        """Any sequence of histories, in columns; one that is in columns is given back as it is.

        `like` names the signals and vectors where `histories` is empty. A column that a history leaves empty is 0
        throughout, its weight 1.

        Raises
        ------
        DataError : something that is no history, or one whose columns differ in length.
        """
        if isinstance(histories, cls):
            return histories
        strange = next((given for given in histories if not isinstance(given, History)), None)
        if strange is not None:
            raise DataError(
                f"a {type(strange).__name__} is among the histories", "Give a `causalkit.types.History` for each user."
            )
        counts = [len(history.items) for history in histories]
        ids = np.concatenate([np.empty(0, object), *(np.asarray(h.items, object) for h in histories)])
        codes, items = pd.factorize(ids)
        signals = dict.fromkeys(name for h in histories for name in h.signals)
        if like is not None:
            signals |= dict.fromkeys(like.signals)
        columns = {
            name: _joined([getattr(h, name) for h in histories], counts, name, float(name == "weight"))
            for name in _COLUMNS
        }
        return cls(
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            codes.astype(np.int32),
            pd.Index(items, dtype=object),
            **columns,
            signals={name: _joined([h.signals.get(name, ()) for h in histories], counts, name) for name in signals},
            vectors=next((h.vectors for h in histories if h.vectors is not None), like.vectors if like else None),
        )


def _closed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def _joined(parts: Sequence[npt.ArrayLike], counts: Sequence[int], name: str, absent: float = 0.0) -> Floats:
    made = [np.empty(0, np.float32)]
    for part, count in zip(parts, counts, strict=True):
        values = np.asarray(part, np.float32)
        if len(values) not in (0, count):
            raise DataError(
                f"a history of {count} rows has {len(values)} values of {name!r}", "Give a value for each row."
            )
        made.append(values if len(values) == count else np.full(count, absent, np.float32))
    return np.concatenate(made)
