"""Users' histories: from which rows they are made, and what they hold."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from taste_world import taste_world

from causalkit import preparation
from causalkit.components import Context
from causalkit.config import SplitPlan
from causalkit.errors import ConfigError, DataError
from causalkit.steps.histories import histories_of
from causalkit.steps.inputs import inputs_of
from causalkit.types import Column, Dataset, Histories, History, ParquetTable, Schema, Split, Table

ROWS = pd.DataFrame(
    {
        "user": ["b", "a", "a", "b", "a", "nobody", "c"],
        "item": ["y", "x", "y", "x", "x", "x", "x"],
        "week": [3, 1, 0, 1, 3, 2, 9],
        "shown": [1, 0, 1, 0, 1, 1, 1],
        "bought": [0.0, 2.5, 0.0, 0.0, 1.0, 1.0, 1.0],
        "clicked": [1.0, 0.0, np.nan, 0.0, 1.0, 0.0, 1.0],
        "times": [1, 2, 1, 5, 0, 1, 1],
    }
)
ALL = Split("all", "week", {"training": tuple(range(9))})


def _log(rows: pd.DataFrame = ROWS, *unnamed: str, **roles: str) -> Dataset:
    """A log of these rows; `unnamed` columns are left out of the schema."""
    named = {"user": "user", "item": "item", "week": "time", "shown": "treatment", "bought": "outcome"}
    named |= {"clicked": "signal", "times": "weight"} | roles
    columns = tuple(Column(name, role) for name, role in named.items() if name not in unnamed)  # type: ignore[arg-type]
    users = pd.DataFrame(index=pd.Index(["a", "b", "c"], name="user"))
    return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=pd.Index(["x", "y"], name="item")), users)


def _made(dataset: Dataset, split: Split = ALL) -> Histories:
    return histories_of(dataset, split, None)[1]


def _columns(history: History) -> dict[str, list[Any]]:
    names = ("items", "exposed", "outcome", "age", "weight")
    told = {name: getattr(history, name).tolist() for name in names}
    return told | {name: values.tolist() for name, values in history.signals.items()}


def test_a_history_is_what_happened_to_a_user_oldest_first() -> None:
    ids, made, notes = histories_of(_log(ROWS.assign(times=[1, 2, 1, 5, 3, 1, 1])), ALL, None)
    assert list(ids) == ["a", "b", "c"]
    a, b, c = made
    assert _columns(a) == {
        "items": ["y", "x", "x"],
        "exposed": [1, 0, 1],
        "outcome": [0, 2.5, 1],
        "age": [3, 2, 0],
        "weight": [1, 2, 3],
        "clicked": [0, 0, 1],
    }
    assert _columns(b)["items"] == ["y"], "a row in which nothing happened is left out"
    assert len(c.items) == 0, "week 9 is not among the rows that may be seen"
    assert a.items.dtype == object
    assert any("1 values of signals or outcome are missing" in note for note in notes)


def test_a_row_of_weight_zero_or_of_an_unknown_user_or_item_is_left_out() -> None:
    made = _made(_log(pd.concat([ROWS, ROWS[:1].assign(item="unknown")], ignore_index=True)))
    assert made.rows == 3
    assert made[0].outcome.tolist() == [0, 2.5]


@pytest.mark.parametrize("rows", ["rows", "categories", "parquet", "parts"])
def test_the_same_however_rows_lie_and_in_whatever_order(rows: str, tmp_path: Path) -> None:
    dataset = _log(ROWS.astype({"user": object, "item": object}))
    plain = _made(dataset)
    shuffled = ROWS.sample(frac=1, random_state=3)
    if rows == "categories":
        shuffled = shuffled.astype({"user": "category", "item": "category", "bought": "Float64", "shown": "bool"})
    table = Table(shuffled)
    if rows == "parquet":
        table = ParquetTable.write(table, tmp_path / "rows")
    if rows == "parts":
        table = _ByTwo(shuffled)
    again = _made(replace(dataset, interactions=table))
    for one, other in zip(plain, again, strict=True):
        assert _columns(one) == _columns(other)


class _ByTwo(Table):
    def parts(self, columns: Sequence[str] | None = None, rows: int = 2, skip: int = 0) -> Any:
        return super().parts(columns, 2, skip)


def test_timestamps_age_in_weeks_and_no_time_is_no_age() -> None:
    for unit in ("s", "ns"):
        for zone in (None, "Europe/Berlin"):
            days = pd.to_datetime("2026-03-01") + pd.to_timedelta(ROWS["week"] * 3.5, unit="D")
            moved = ROWS.assign(week=days.dt.as_unit(unit).dt.tz_localize(zone), fold=0)
            made = _made(_log(moved.iloc[:6]), Split("all", "fold", {"training": (0,)}))
            assert made[0].age.tolist() == pytest.approx([1.5, 1.0], abs=0.01)
    timeless = _made(_log(ROWS.assign(fold=0), "week"), Split("all", "fold", {"training": (0,)}))
    assert timeless.age.tolist() == [0] * timeless.rows


def test_columns_that_are_no_numbers_and_missing_times_are_refused() -> None:
    words = _log(ROWS.assign(clicked="yes"))
    with pytest.raises(DataError, match="'clicked' is part of users' histories and holds"):
        _made(words)
    gap = Split("all", "fold", {"training": (0,)})
    with pytest.raises(DataError, match=r"\(time\) is missing in 1 rows"):
        _made(_log(ROWS.assign(week=[np.nan, *ROWS["week"][1:]], fold=0)), gap)
    with pytest.raises(DataError, match="has the role time and holds"):
        _made(_log(ROWS.assign(week=ROWS["week"].astype(str), fold=0)), gap)
    huge, notes = histories_of(_log(ROWS.assign(bought=ROWS["bought"] * 1e60)), ALL, None)[1:]
    assert np.isfinite(huge.outcome).all()
    assert any("too large" in note for note in notes)


def test_rows_of_segments_and_histories_of_items_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"encode\.user: rows are of segments.*\nLeave encode\.user out"):
        histories_of(_log(ROWS, user="segment"), ALL, None)
    with pytest.raises(ConfigError, match=r"encode\.item: histories are of users"):
        inputs_of("histories", "item", _log(), ALL, None, "encoder 'x'")


def _split(plan: SplitPlan, assignment: tuple[str, ...] = ("user", "item", "week")) -> tuple[Dataset, Split]:
    dataset = taste_world(users=60, weeks=8).dataset
    dataset = replace(dataset, schema=replace(dataset.schema, assignment=assignment))
    return preparation.split(dataset, plan, Context(root_seed=3))


@pytest.mark.parametrize(
    ("plan", "assignment", "parts"),
    [
        (SplitPlan(weeks=2, pattern="DEVT"), ("user", "item", "week"), ("discover",)),
        (SplitPlan(weeks=1, pattern="DEET", transport=2), ("user", "item", "week"), ("discover",)),
        (SplitPlan(weeks=2, pattern="ET"), ("user", "item", "week"), ("training",)),
        (SplitPlan(by="random"), ("user", "item", "week"), ("discover",)),
        (SplitPlan(by="random"), (), ("discover",)),
        (SplitPlan(by="random"), ("user",), ("discover", "training")),
        (SplitPlan(by="random", discover=0), ("user",), ("training",)),
        (SplitPlan(by="none"), (), ("training",)),
    ],
)
def test_rows_are_of_discovery_where_users_have_any_there_and_never_held_out(
    plan: SplitPlan, assignment: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    dataset, split = _split(plan, assignment)
    _, made, notes = histories_of(dataset, split, None)
    rows = split.take(dataset, *parts).interactions.frame()
    happened = rows[["shown", "clicked", "bought"]].any(axis=1)
    assert made.rows == happened.sum() > 100
    counts = rows["user"][happened].value_counts(sort=False)
    assert np.diff(made.starts).tolist() == counts.reindex(dataset.users.index).tolist()
    is_apart = parts == ("discover",)
    assert is_apart == any("no outcome that effects are estimated on" in note for note in notes)
    assert is_apart != any("must not stand for confounders" in note for note in notes)


def test_discovery_rows_that_come_later_are_told() -> None:
    dataset, split = _split(SplitPlan(weeks=4, pattern="DE"))
    assert not [note for note in histories_of(dataset, split, None)[2] if "later" in note]
    for plan in (SplitPlan(weeks=2, pattern="DE"), SplitPlan(by="random")):
        dataset, split = _split(plan)
        assert [note for note in histories_of(dataset, split, None)[2] if "later" in note]


def test_histories_are_a_sequence_that_cannot_be_written_to() -> None:
    world = taste_world(users=20, weeks=3)
    made = histories_of(world.dataset, ALL, world.items)[1]
    assert (len(made), made[-1].items.tolist()) == (20, made[19].items.tolist())
    assert [_columns(h) for h in made[5:9]] == [_columns(made[k]) for k in range(5, 9)]
    assert [_columns(h) for h in made[::-7]] == [_columns(made[k]) for k in (19, 12, 5)]
    assert (len(made[3:3]), len(made[30:]), made[3:3].rows) == (0, 0, 0)
    assert made[4:6].user.tolist() == [0] * len(made[4].items) + [1] * len(made[5].items)
    assert made[2].vectors is made[3].vectors is not None
    assert made[2].vectors.vectors.tolist() == world.items.vectors.tolist()
    with pytest.raises(IndexError):
        made[20]
    for array in (made[2].outcome, made[2].vectors.vectors, made.outcome, made[1:3].age, made.signals["clicked"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert [_columns(h) for h in pickle.loads(pickle.dumps(made))] == [_columns(h) for h in made]


def test_any_sequence_of_histories_goes_into_columns() -> None:
    world = taste_world(users=20, weeks=3)
    made = histories_of(world.dataset, ALL, world.items)[1]
    assert Histories.of(made) is made
    assert [_columns(h) for h in Histories.of(list(made))] == [_columns(h) for h in made]
    bare = Histories.of([History(np.array(["x", "y"], object)), History(np.array([], object))])
    assert _columns(bare[0]) == {
        "items": ["x", "y"],
        "exposed": [0, 0],
        "outcome": [0, 0],
        "age": [0, 0],
        "weight": [1, 1],
    }
    assert (len(Histories.of([])), Histories.of([]).rows) == (0, 0)
    with pytest.raises(DataError, match="2 rows has 1 values of 'outcome'"):
        Histories.of([History(np.array(["x", "y"], object), outcome=np.ones(1, np.float32))])
    with pytest.raises(DataError, match="a str is among the histories"):
        Histories.of(["bread"])  # type: ignore[list-item]
