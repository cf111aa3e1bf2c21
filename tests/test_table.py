"""A table on disk gives what the same table in memory gives, bit for bit."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from causalkit.errors import DataError
from causalkit.types import ParquetTable, Table
from causalkit.types import parquet_table as module

ZONED = pd.date_range("2020-01-01", periods=6, freq="h", tz="Europe/Paris")
COLUMNS = {
    "int8": np.array([1, -2, 3, 4, 5, 6], np.int8),
    "int32": np.arange(6, dtype=np.int32),
    "uint64": np.array([0, 1, 2, 3, 4, 2**64 - 1], np.uint64),
    "float32": np.array([1.5, np.nan, -0.0, np.inf, 1e-40, 3], np.float32),
    "float64": np.array([0.1, np.nan, -np.inf, 1e308, 5e-324, 2]),
    "bool": np.array([True, False] * 3),
    "ns": np.array(["2020-01-01", "NaT", "1970-01-01", "2262-01-01", "2020-01-02", "2020"], "datetime64[ns]"),
    "seconds": np.array(["2020-01-01", "NaT", "1970-01-01", "2262-01-01", "2020-01-02", "2020"], "datetime64[s]"),
    "delta": np.array([1, 2, 3, 4, 5, 6], "timedelta64[ms]"),
    "zoned": ZONED,
    "offset": ZONED.tz_convert("+02:00"),
    "text": pd.array(["a", "é", "", "a\0b", "שלום", "x" * 1000], dtype="str"),
    "object": pd.Series(["a", "b", None, "c", "d", "e"], dtype=object),
    "object nan": pd.Series(["a", "b", np.nan, "c", "d", "e"], dtype=object),
    "mixed": pd.Series(["1", 1, None, 2.5, True, np.nan], dtype=object),
    "string": pd.array(["a", None, "c", "d", "e", "f"], dtype="string"),
    "nullable int": pd.array([1, None, 3, 4, 5, 2**62 + 1], dtype="Int64"),
    "nullable bool": pd.array([True, None, False, True, True, True], dtype="boolean"),
    "int labels": pd.Categorical([3, 1, None, 3, 3, 7], categories=[7, 9, 3, 1]),
    "text labels": pd.Categorical(list("bcbbca"), categories=["c", "a", "b", "never"], ordered=True),
    "mixed labels": pd.Categorical([1, "1", 1, "x", "x", 1], categories=["x", 1, "1"]),
    "dates": pd.Categorical(pd.to_datetime(["2020", "2021", "2020", "2020", "2021", "2020"])),
    "nothing": pd.Categorical([None] * 6),
}


def stored(frame: pd.DataFrame, folder: Path) -> ParquetTable:
    ParquetTable.write(Table(frame), folder)
    return ParquetTable.open(folder)


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True, check_categorical=True)
    for name in a.columns:
        if isinstance(a[name].dtype, pd.CategoricalDtype):
            assert a[name].cat.categories.dtype == b[name].cat.categories.dtype


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("rows", [0, 6])
def test_every_dtype_comes_back_as_it_was(name: str, rows: int, tmp_path: Path) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]}).iloc[:rows]
    table = stored(frame, tmp_path)
    same(table.frame(), frame)
    same(next(table.parts()), frame)
    assert table.fingerprint() == Table(frame).fingerprint()
    assert type(table.frame()[name].iloc[-1]) is type(frame[name].iloc[-1]) if rows else True


def test_missing_values_of_an_object_column_keep_their_sort(tmp_path: Path) -> None:
    frame = pd.DataFrame({"none": COLUMNS["object"], "nan": COLUMNS["object nan"], "both": COLUMNS["mixed"]})
    found = stored(frame, tmp_path).frame()
    assert found["none"].iloc[2] is None
    assert isinstance(found["nan"].iloc[2], float)
    assert found["both"].tolist()[:5] == ["1", 1, None, 2.5, True]


LABELS, NUMBERS = st.sampled_from("abcdef"), st.integers(-9, 9)
TEXTS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=3))
ROWS = st.lists(st.tuples(st.one_of(st.none(), LABELS), NUMBERS, st.floats(width=32), TEXTS), max_size=12)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.tuples(st.integers(1, 7), st.integers(0, 4)), st.integers(1, 5), st.sets(LABELS), st.sets(NUMBERS))
def test_parts_and_filters_are_those_of_a_table_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list, cut: tuple, group: int, labels: set, numbers: set
) -> None:
    size, skip = cut
    frame = pd.DataFrame(rows, columns=["label", "number", "value", "text"])
    frame = frame.astype({"label": pd.CategoricalDtype(list("zyx" + "fedcba")), "number": "int8", "value": "float32"})
    with monkeypatch.context() as patched:
        patched.setattr(module, "_GROUP", group)
        disk, memory = stored(frame, tmp_path), Table(frame)
        for column, values in (("label", labels), ("number", numbers), (None, ())):
            assert len(disk) == len(memory)
            assert disk.fingerprint() == memory.fingerprint()
            for names in (None, ["value", "label"], ["text"]):
                theirs = list(memory.parts(names, size))
                for found in (disk.parts(names, size, skip), memory.parts(names, size, skip)):
                    for a, b in zip(found, theirs[skip:], strict=True):
                        same(a, b)
                same(disk.frame(names), memory.frame(names))
            for name in frame.columns:
                known = pd.Index(memory.frame()[name].dropna().unique())
                pd.testing.assert_index_equal(disk.distinct(name, size), known)
                pd.testing.assert_index_equal(memory.distinct(name), known)
            if column:
                disk, memory = disk.only(column, list(values)), memory.only(column, list(values))


FRAME = pd.DataFrame(
    {
        "item": pd.Categorical(np.arange(250) % 7, categories=[6, 5, 4, 3, 2, 1, 0]),
        "y": np.random.default_rng(0).normal(size=250),
        "name": pd.Categorical.from_codes(np.arange(250) % 3, ["x", "y", "z"]),
    }
)


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    stored(FRAME, tmp_path / "a")
    ParquetTable.write(stored(FRAME, tmp_path / "c"), tmp_path / "b")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["categories.parquet", "rows.parquet"]
    for name in ("rows.parquet", "categories.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_are_put_in_place_by_the_writer_that_is_given(tmp_path: Path) -> None:
    placed = []

    def write(path: Path, writer) -> None:
        placed.append(path.name)
        writer(path.with_name("temporary"))
        path.with_name("temporary").rename(path)

    same(ParquetTable.write(Table(FRAME), tmp_path, write).frame(), FRAME)
    assert placed == ["categories.parquet", "rows.parquet"]


def test_a_copy_for_a_worker_carries_no_rows(tmp_path: Path) -> None:
    table = stored(pd.DataFrame({"x": np.random.default_rng(0).normal(size=100_000)}), tmp_path)
    table.frame()
    sent = pickle.dumps(table.only("x", [1.0]))
    assert len(pickle.dumps(table)) < 2000 and len(sent) < 2000
    assert len(pickle.loads(sent)) == 0


def test_columns_added_are_in_memory(tmp_path: Path) -> None:
    table = stored(FRAME, tmp_path).only("item", [1, 2])
    more = table.with_columns(z=np.arange(len(table)))
    same(more.frame(), Table(FRAME).only("item", [1, 2]).with_columns(z=np.arange(len(table))).frame())


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    for table in (Table(FRAME), stored(FRAME, tmp_path)):
        for ask in (table.frame, lambda n, t=table: next(t.parts(n)), lambda n, t=table: t.only(n[0], [])):
            with pytest.raises(DataError, match="did you mean 'item'"):
                ask(["itm"])
        with pytest.raises(DataError, match="did you mean 'item'"):
            table.distinct("itm")


def test_reading_ends_once_more_values_are_found_than_were_asked_for(tmp_path: Path) -> None:
    for table in (Table(FRAME), stored(FRAME, tmp_path)):
        assert 9 < len(table.distinct("y", rows=10, most=9)) < 50
        assert table.distinct("item", rows=10, most=7).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_memory_is_that_of_a_part(tmp_path: Path) -> None:
    rows = 400_000
    table = stored(pd.DataFrame({c: np.zeros(rows) for c in "abcdef"}).assign(i=np.arange(rows)), tmp_path)
    before = pa.total_allocated_bytes()
    peak = 0
    for part in table.only("i", range(0, rows, 2)).parts(rows=10_000):
        peak = max(peak, pa.total_allocated_bytes() - before)
        assert len(part) == 10_000
    assert peak < 0.6 * rows * 7 * 8


# --- files of others -----------------------------------------------------------------------


def test_text_of_other_files_becomes_categories_over_all_of_them(tmp_path: Path) -> None:
    one = pd.DataFrame({"item": ["b", "a", None], "y": [1.0, 2, 3], "n": [1, 2, 3]})
    two = pd.DataFrame({"item": ["c", "b", "b"], "y": [4.0, 5, 6], "n": [1, 2, 3]})
    schema = pa.schema([("item", pa.string()), ("y", pa.float64()), ("n", pa.int64())])
    for name, frame in (("1.parquet", one), ("2.parquet", two)):
        parquet.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), tmp_path / name)
    table = ParquetTable.open(tmp_path)
    whole = pd.concat([one, two], ignore_index=True)
    assert list(table.frame()["item"].cat.categories) == ["a", "b", "c"]
    assert table.frame()["item"].astype(object).fillna("-").tolist() == whole["item"].fillna("-").tolist()
    same(table.frame(["y", "n"]), whole[["y", "n"]])
    for part in table.parts(rows=2):
        assert part["item"].dtype == table.frame()["item"].dtype
    assert len(table.only("item", ["b"])) == 3


def test_other_files_have_one_dtype_in_every_part(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "whole": pa.array([1, 2, None, 4], pa.int32()),
            "truth": pa.array([True, None, False, True]),
            "day": pa.array([0, 1, None, 3], pa.date32()),
            "price": pa.array([1, 2, None, 4], pa.decimal128(9, 2)),
            "colour": pa.array(["r", "g", None, "r"]).dictionary_encode(),
            "list": pa.array([[1], [2], None, []]),
        }
    )
    parquet.write_table(rows, tmp_path / "a.parquet", row_group_size=1)
    table = ParquetTable.open(tmp_path / "a.parquet")
    assert table.columns == ("whole", "truth", "day", "price", "colour")
    whole = table.frame()
    same(pd.concat(list(table.parts(rows=1))), whole)
    assert whole["whole"].dtype == float and whole["price"].tolist()[:2] == [1.0, 2.0]
    assert str(whole["day"].dtype) == "datetime64[s]" and whole["day"].isna().tolist() == [False, False, True, False]
    assert whole["colour"].cat.codes.tolist() == [1, 0, -1, 1]


def test_a_frame_that_pandas_wrote_is_read(tmp_path: Path) -> None:
    FRAME.iloc[::2].to_parquet(tmp_path / "a.parquet")
    table = ParquetTable.open(tmp_path / "a.parquet")
    same(table.frame(["y"]), FRAME.iloc[::2][["y"]].reset_index(drop=True))
    assert table.columns == ("item", "y", "name")
    assert table.frame()["item"].tolist() == FRAME.iloc[::2]["item"].tolist()


# --- faults --------------------------------------------------------------------------------


def test_nothing_there_is_said_with_its_path(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, tmp_path / "none.parquet"):
        with pytest.raises(DataError, match=str(path)):
            ParquetTable.open(path)


@pytest.mark.parametrize("name", ["rows.parquet", "categories.parquet"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_file_cut_short_is_said_with_its_path(name: str, kept: float, tmp_path: Path) -> None:
    stored(FRAME, tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read"):
        ParquetTable.open(tmp_path).frame()


@pytest.mark.parametrize("place", [60, 300, 1000, 2000])
def test_a_bit_changed_on_disk_is_found(place: int, tmp_path: Path) -> None:
    stored(FRAME, tmp_path)
    damaged = bytearray((tmp_path / "rows.parquet").read_bytes())
    damaged[place] ^= 1
    (tmp_path / "rows.parquet").write_bytes(damaged)
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read"):
        ParquetTable.open(tmp_path).frame()


def test_a_table_can_be_written_over_its_own_files(tmp_path: Path) -> None:
    table = stored(FRAME, tmp_path).only("item", [1, 2])
    ParquetTable.write(table, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["categories.parquet", "rows.parquet"]
    same(ParquetTable.open(tmp_path).frame(), Table(FRAME).only("item", [1, 2]).frame().reset_index(drop=True))


def test_a_file_that_goes_away_is_said(tmp_path: Path) -> None:
    table = stored(FRAME, tmp_path)
    (tmp_path / "rows.parquet").unlink()
    for ask in (table.frame, lambda: len(table), lambda: list(table.parts())):
        with pytest.raises(DataError, match=r"rows\.parquet cannot be read"):
            ask()


def test_categories_of_another_table_are_refused(tmp_path: Path) -> None:
    stored(FRAME, tmp_path / "a")
    stored(FRAME.assign(name=pd.Categorical(["q"] * 250)), tmp_path / "b")
    (tmp_path / "a" / "categories.parquet").write_bytes((tmp_path / "b" / "categories.parquet").read_bytes())
    with pytest.raises(DataError, match="not the one it was written with"):
        ParquetTable.open(tmp_path / "a")


def test_files_whose_columns_differ_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"b": [1]}).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2\.parquet are not those of .*1\.parquet"):
        ParquetTable.open(tmp_path)


@pytest.mark.parametrize("values", [[{1}, {2}], ["a\ud800", "b"]])
def test_what_parquet_cannot_hold_is_refused_by_column(values: list, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'odd' .*cannot be written"):
        ParquetTable.write(Table(pd.DataFrame({"odd": pd.Series(values, dtype=object)})), tmp_path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two columns are called 'a'"):
        ParquetTable.write(Table(pd.DataFrame([[1, 2]], columns=["a", "a"])), tmp_path)
