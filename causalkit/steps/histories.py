"""Users' histories, from rows that may be seen; docs/decisions/0009 says which those are, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import ConfigError, DataError, Problem
from causalkit.steps.lending import lent
from causalkit.types import Dataset, EmbeddingTable, Histories, Split

__all__ = ["histories_of"]

Places = npt.NDArray[np.int64]
_ALLOWED = ("discover", "training")
_SIGNAL = "signal "


def histories_of(
    dataset: Dataset, split: Split, items: EmbeddingTable | None
) -> tuple[pd.Index, Histories, tuple[str, ...]]:
    """Ids of users, what each was shown and did, and what to know about the rows that say so.

    Rows are discovery rows where users of training rows have any, for those hold no outcome that effects are
    estimated on; else discovery and training rows. Never rows of any other part. A row in which nothing happened
    (not exposed, no outcome, no signal) is left out.

    Parameters
    ----------
    items : the items' vectors, which every history carries.

    Raises
    ------
    ConfigError : rows that are of segments, not of users.
    DataError : a column that holds no numbers, or a time that is missing.
    """
    if dataset.user is None:
        raise ConfigError(
            "config",
            [Problem("encode.user", ": rows are of segments, not of users, and tell no user's history")],
            "Leave encode.user out, give users a text, or log rows by user (a column of role `user`).",
        )
    ids = pd.Index(dataset.user_ids())
    parts = _parts(dataset, split, ids)
    found = _seen(dataset, split.column, split.values(*parts), ids)
    made = found.histories(len(ids), dataset.items.index, lent(items))
    return ids, made, tuple(_notes(dataset, split, parts, made, found.unread))


def _parts(dataset: Dataset, split: Split, ids: pd.Index) -> tuple[str, ...]:
    """Discovery alone, where those rows are apart from training rows and of the same users."""
    discover, training = split.values("discover"), split.values("training")
    if not discover or set(discover) & set(training):
        return _ALLOWED
    assert dataset.user is not None
    has = np.zeros((2, len(ids) + 1), bool)  # the last place is for users that are not known
    for rows in dataset.interactions.parts([dataset.user, split.column]):
        for side, values in enumerate((discover, training)):
            has[side, _places(rows.loc[rows[split.column].isin(values), dataset.user], ids)] = True
        if has[:, :-1].all(axis=0).any():
            return ("discover",)
    return _ALLOWED


@dataclass(frozen=True)
class _Seen:
    """Rows in which something happened, in the order of the log.

    `columns` are `user` and `item` (places among the ids), `time`, `exposed`, `outcome`, `weight`, and signals by name
    as `signal NAME`; `newest` is the latest time of all rows that were read, `unread` counts values that are missing or
    infinite.
    """

    columns: dict[str, npt.NDArray[Any]]
    newest: float
    unread: int

    def histories(self, users: int, items: pd.Index, vectors: EmbeddingTable | None) -> Histories:
        """The rows by user, oldest first; of one period, by item."""
        order = _order(*(self.columns[name] for name in ("user", "time", "item")))
        found = {name: values[order] for name, values in self.columns.items()}
        counts = np.bincount(found["user"], minlength=users)
        return Histories(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            found["item"].astype(np.int32),
            items,
            **{name: found[name] for name in ("exposed", "outcome", "weight")},
            age=(self.newest - found["time"]).astype(np.float32),
            signals={name[len(_SIGNAL) :]: found[name] for name in found if name.startswith(_SIGNAL)},
            vectors=vectors,
        )


def _seen(dataset: Dataset, column: str, values: tuple[Any, ...], users: pd.Index) -> _Seen:
    """The rows whose `column` is one of `values`, read by parts."""
    sources = {"exposed": dataset.treatment, "outcome": dataset.outcome}
    sources |= {f"{_SIGNAL}{name}": name for name in dataset.schema.named("signal")}
    wanted = [dataset.user, dataset.item, column, dataset.period, dataset.weight, *sources.values()]
    kept: list[dict[str, npt.NDArray[Any]]] = []
    newest, unread = -np.inf, 0
    for part in dataset.interactions.parts(list(dict.fromkeys(name for name in wanted if name))):
        rows = part[part[column].isin(values)]
        numbers = {name: _numbers(rows[source], source) for name, source in sources.items()}
        time = _times(rows[dataset.period]) if dataset.period else np.zeros(len(rows))
        newest = max(newest, float(time.max(initial=-np.inf)))
        unread += sum(int((~np.isfinite(found)).sum()) for found in numbers.values())
        numbers = {name: np.where(np.isfinite(found), found, np.float32(0)) for name, found in numbers.items()}
        read: dict[str, npt.NDArray[Any]] = {
            "user": _places(rows[dataset.user], users),
            "item": _places(rows[dataset.item], dataset.items.index),
            "time": time,
            "weight": dataset.weights(rows).astype(np.float32),
            **numbers,
        }
        happened = np.any([found != 0 for found in numbers.values()], axis=0)
        happened &= (read["weight"] > 0) & (read["user"] >= 0) & (read["item"] >= 0)
        kept.append({name: found[happened] for name, found in read.items()})
    return _Seen({name: np.concatenate([part[name] for part in kept]) for name in kept[0]}, newest, unread)


def _order(user: Places, time: npt.NDArray[np.float64], item: Places) -> Places:
    """By user, then time, then item; equal rows stay as they were."""
    when, times = pd.factorize(time, sort=True)
    items = int(item.max(initial=0)) + 1
    if (int(user.max(initial=0)) + 1) * (len(times) + 1) * items >= 2**63:
        return np.lexsort((item, when, user))
    return np.argsort((user * len(times) + when) * items + item, kind="stable")  # sooner than by several keys


def _places(values: pd.Series[Any], ids: pd.Index) -> Places:
    """Where each value is among `ids`; -1 where it is not."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        known = np.append(ids.get_indexer(values.cat.categories), -1)  # the code of a missing value is -1
        return np.asarray(known[values.cat.codes.to_numpy()], np.int64)
    return np.asarray(ids.get_indexer(pd.Index(values)), np.int64)


def _numbers(values: pd.Series[Any], name: str) -> npt.NDArray[np.float32]:
    if not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
        raise DataError(
            f"column {name!r} is part of users' histories and holds {values.dtype}, not numbers",
            "Turn it into numbers, 0 and 1 for no and yes, or leave it out of the schema.",
        )
    with np.errstate(over="ignore"):  # what is too large is infinite, and counted
        return np.asarray(values.to_numpy(np.float64, na_value=np.nan), np.float32)


def _times(values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Periods as numbers: those of the log, or weeks where it has timestamps."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        values = (values - pd.Timestamp(0, tz=values.dt.tz)) / pd.Timedelta(weeks=1)
    elif not pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(
            f"column {values.name!r} has the role time and holds {values.dtype}",
            "Give whole period numbers, or timestamps.",
        )
    found = values.to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(found).all():
        raise DataError(
            f"column {values.name!r} (time) is missing in {int((~np.isfinite(found)).sum())} rows",
            "Remove those rows, or leave the column out of the schema.",
        )
    return np.asarray(found, np.float64)


def _notes(dataset: Dataset, split: Split, parts: tuple[str, ...], made: Histories, unread: int) -> Iterator[str]:
    rows = f"histories are of {made.rows:,} rows in which something happened"
    if parts == ("discover",):
        yield f"{rows}, all of discovery: they hold no outcome that effects are estimated on"
        if split.column != dataset.period or max(split.values("discover")) > min(split.values("training")):
            yield (
                "some of those rows are later than some that effects are estimated on, and may show what exposure set"
                " going; blocks so long that their pattern runs once put discovery first (`split.weeks`)"
            )
    else:
        yield (
            f"{rows}, and hold outcomes that effects are estimated on: users' vectors may personalise a list,"
            " and must not stand for confounders or tell whose effect is larger"
        )
    if unread:
        yield f"{unread:,} values of signals or outcome are missing or too large, and count as 0 in histories"
