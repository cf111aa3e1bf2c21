"""Tables to files: every value comes back, formulas stay text, and a failure leaves what was there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import StoreError, UsageError
from causalkit.exporting import ENDINGS, GROUP, guarded, unguarded, write_table

TEXTS = [
    "=1+1",
    "+1",
    "-1",
    "@sum",
    "\tx",
    "\rx",
    "\nx",
    "'=1",
    "''-1",
    "'tis",
    "tea",
    'say "no"',
    "a,b;c",
    "two\nlines",
    "\x00nul\x00",
    "\u202ertl",
    "🍓",
    "",
    None,
]
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture
def frame() -> pd.DataFrame:
    n = len(TEXTS)
    effect = np.linspace(-0.3, 1 / 3, n)
    effect[3] = np.nan
    return pd.DataFrame(
        {
            "item": TEXTS,
            "effect": effect,
            "rank": np.arange(n) - 2,
            "cold": np.arange(n) % 2 == 0,
            "who": pd.Categorical([1, "=two", 3.5] * (n // 3) + [1] * (n % 3)),
            "=odd": "x",
        }
    )


def read_back(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:  # pandas 2 cuts texts at NUL
            head, *rows = list(csv.reader(file))
        found = pd.DataFrame([[unguarded(cell) for cell in row] for row in rows], columns=map(unguarded, head))
        effect = [float(cell or "nan") for cell in found["effect"]]
        return found.assign(effect=effect, rank=found["rank"].astype(int), cold=found["cold"] == "true")
    text = path.read_text(encoding="utf-8")
    return pd.DataFrame(json.loads(text) if path.suffix == ".json" else [json.loads(x) for x in text.splitlines()])


@pytest.mark.parametrize("ending", ENDINGS)
def test_blocks_come_back_as_one_table(frame: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    blocks = [frame.iloc[:0], frame.iloc[:5], frame.iloc[5:]]
    assert write_table(blocks, path) == len(frame)
    found = read_back(path)
    items = [None if pd.isna(item) else item for item in found["item"]]
    assert items == (TEXTS if ending != ".csv" else [*TEXTS[:-1], ""])
    np.testing.assert_array_equal(found["effect"].to_numpy(float), frame["effect"])
    assert list(found["rank"]) == list(frame["rank"])
    assert list(found["cold"]) == list(frame["cold"])
    assert list(found["who"].astype(str)) == list(frame["who"].astype(str))
    assert "=odd" in found
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_fault_42_no_cell_or_header_of_a_csv_is_a_formula(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_table([frame], tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    assert len(rows) == len(frame)
    for name, cell in [(name, cell) for row in rows for name, cell in zip(head, row, strict=True)]:
        if name in ("effect", "rank"):
            assert cell == "" or float(cell) <= 20  # numbers stay numbers, negative ones too
        else:
            assert not cell.startswith(DANGEROUS)
    assert not any(name.startswith(DANGEROUS) for name in head)
    assert rows[0][head.index("rank")] == "-2"


@pytest.mark.parametrize("text", [t for t in TEXTS if t is not None])
def test_guarding_can_be_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith((*DANGEROUS, "\n"))


def test_infinities_are_null_in_json(tmp_path: Path) -> None:
    write_table([pd.DataFrame({"x": [np.inf, -np.inf, 1.5]})], tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text()) == [{"x": None}, {"x": None}, {"x": 1.5}]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_blocks_has_its_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    assert write_table([], path, ["a", "b"]) == 0
    if ending in (".csv", ".parquet"):
        assert list((pd.read_csv if ending == ".csv" else pd.read_parquet)(path).columns) == ["a", "b"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, RuntimeError])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_there_stays_until_all_is_written(tmp_path: Path, ending: str, error: type[BaseException]) -> None:
    path = tmp_path / f"t{ending}"
    path.write_text("before")

    def breaks() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"x": np.arange(GROUP + 1)})  # enough for the writer to have begun
        raise error(28, "No space left on device") if error is OSError else error()

    with pytest.raises(StoreError if error is OSError else error):
        write_table(breaks(), path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_many_rows_are_written_in_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    blocks = (pd.DataFrame({"x": np.arange(1000)}) for _ in range(250))
    assert write_table(blocks, tmp_path / "t.parquet") == 250_000
    told = pq.ParquetFile(tmp_path / "t.parquet").metadata
    assert [told.row_group(i).num_rows for i in range(told.num_row_groups)] == [GROUP, GROUP, 50_000]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("t.xlsx", UsageError, "ends in '.xlsx'"),
        ("t", UsageError, "has no ending"),
        ("folder.csv", StoreError, "is a folder"),
        ("none/t.csv", StoreError, "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is(
    tmp_path: Path, name: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "folder.csv").mkdir()

    def never() -> Iterator[pd.DataFrame]:
        raise AssertionError("asked for rows")
        yield

    with pytest.raises(error, match=said):
        write_table(never(), tmp_path / name)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_table([pd.DataFrame({"x": [1]})], tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == '"x"\n1\n'
