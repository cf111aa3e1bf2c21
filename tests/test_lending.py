"""What components are given is lent: nothing they do to it is seen by anybody else."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import causalkit as ck
from causalkit.steps.lending import copy_on_write, lent
from causalkit.types import EmbeddingTable, ParquetTable, Split, Table


@pytest.fixture(scope="module")
def log():
    return ck.build("dataset", "simulated", users=20, items=6, weeks=4).load()


def columns_set(d):
    d["bought"] = 9


def columns_through_loc(d):
    d.loc[:, "bought"] = 9


def cells(d):
    d.iloc[0, 3] = d.iloc[1, 3]


def columns_dropped(d):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 3.1 means to take `inplace` away
        d.drop(columns="bought", inplace=True)


def in_place(d):
    d["bought"] += 1


def values(d):
    d["bought"].to_numpy()[:] = 9


def names(d):
    d.columns = [f"x{i}" for i in range(d.shape[1])]
    d.index.name = "mine"


@pytest.mark.parametrize(
    "harm",
    [columns_set, columns_through_loc, cells, columns_dropped, in_place, values, names],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("where", ["frame", "data"])
def test_rows_stay_as_they_were(log, harm, where):
    before = log.interactions.frame().copy(deep=True)
    with copy_on_write():
        given = lent(log).interactions
        with contextlib.suppress(ValueError):  # "read-only": it has been refused
            harm(given.frame() if where == "frame" else given.data)
    pd.testing.assert_frame_equal(log.interactions.frame(), before)


def test_rows_on_disk_stay_as_they_were_too(log, tmp_path: Path):
    table = ParquetTable.write(log.interactions, tmp_path / "rows")
    before = table.frame().copy(deep=True)
    with copy_on_write():
        given = lent(replace(log, interactions=table))
        frame = given.interactions.frame()
        columns_set(frame)
        with pytest.raises(ValueError, match="read-only"):
            values(given.interactions.frame())
    pd.testing.assert_frame_equal(table.frame(), before)


def test_items_users_arrays_and_mappings_are_lent_too(log):
    vectors = EmbeddingTable(log.items.index, np.ones((len(log.items), 2), np.float32), "mine")
    split = Split("by hand", "week", {"training": (1, 2)})
    given, table, parts = lent(log), lent(vectors), lent(split)
    given.items["label"] = "x"
    given.users["label"] = "x"
    parts.parts["training"] = ()
    with pytest.raises(ValueError, match="read-only"):
        table.vectors[:] = 0
    assert "label" not in log.items
    assert "label" not in log.users
    assert split.parts == {"training": (1, 2)}
    assert vectors.vectors.flags.writeable
    assert np.shares_memory(table.vectors, vectors.vectors)


def test_a_fitted_component_is_lent_as_a_copy(log):
    class Fitted:
        effects_ = None

    fitted = Fitted()
    fitted.effects_ = EmbeddingTable(log.items.index, np.ones((len(log.items), 2)), "stands for effects")
    given = lent(fitted)
    given.effects_ = None
    given.other_ = 1
    assert fitted.effects_ is not None
    assert not hasattr(fitted, "other_")


def test_lending_copies_no_values():
    wide = pd.DataFrame({f"c{i}": np.zeros(1_000_000) for i in range(8)})
    assert np.shares_memory(lent(wide)["c3"].to_numpy(), wide["c3"].to_numpy())


def test_what_cannot_change_is_handed_on_as_it_is(log):
    assert lent(log).schema is log.schema
    assert lent(None) is None
    assert lent("text") == "text"


def test_what_was_computed_from_rows_is_found_again_where_they_are_lent_anew():
    table = Table(pd.DataFrame({"a": [1, 2]}))
    first, second = lent(table), lent(table)
    assert first is not second
    assert first.origin is second.origin is table.origin
    assert Table(table.data).origin is not table.origin
