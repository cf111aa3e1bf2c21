"""Columns of images in the items file: where they lie, which are there, and what is refused."""

import os
from pathlib import Path

import pandas as pd
import pytest
from causalkit_plugins.datasets.tables import Tables

from causalkit.errors import DataError
from causalkit.preparation.images import check_images

COLUMNS = {
    "user": {"role": "user"},
    "item": {"role": "item"},
    "shown": {"role": "treatment"},
    "bought": {"role": "outcome"},
    "photo": {"role": "covariate", "kind": "image"},
}


def shop(folder, photos, suffix="csv", items="shop/items.{}"):
    """A log of a row per item and arm beside an items file that names `photos`; paths start from `folder`."""
    (folder / "shop" / "pictures").mkdir(parents=True, exist_ok=True)
    ids = list("abcdefgh")[: len(photos)]
    rows = [(f"u{i % 3}", item, i % 2, (i // 2) % 2) for i, item in enumerate(ids * 4)]
    pd.DataFrame(rows, columns=["user", "item", "shown", "bought"]).to_csv(folder / "shop" / "log.csv", index=False)
    table, place = pd.DataFrame({"item": ids, "photo": photos}), items.format(suffix)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / place, index=False) if suffix == "csv" else table.to_parquet(folder / place)
    return Tables(interactions="shop/log.csv", items=place, schema={"columns": COLUMNS})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop" / "pictures").mkdir(parents=True)
    for name in "ab":
        (tmp_path / "shop" / "pictures" / f"{name}.png").write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_relative_paths_start_from_the_items_file(here, suffix):
    dataset = shop(here, [" pictures/a.png ", "./pictures/b.png", None, ""], suffix).load()
    assert list(dataset.items["photo"].fillna("")) == ["shop/pictures/a.png", "shop/pictures/b.png", "", ""]
    assert all(Path(path).is_file() for path in dataset.items["photo"].dropna() if path)
    assert "outside" not in " ".join(dataset.notes)


def test_a_folder_of_files_is_where_its_paths_start(here):
    (here / "shop" / "items").mkdir()
    made = shop(here, ["../pictures/a.png", "b.png"], "parquet", "shop/items/part.{}").set_params(items="shop/items")
    dataset = made.load()
    assert list(dataset.items["photo"]) == ["shop/pictures/a.png", "shop/items/b.png"]


def test_full_paths_stay_and_those_that_lead_out_are_said(here):
    full = str(here / "shop" / "pictures" / "a.png")
    dataset = shop(here, [full, "../../elsewhere.png", "pictures/b.png"]).load()
    assert dataset.items["photo"].iloc[0] == full
    assert dataset.notes == (
        "1 of 3 images of column 'photo' lie outside the folder of shop/items.csv, such as '../elsewhere.png'",
    )


def test_missing_images_are_counted_and_the_first_is_named(here):
    dataset = shop(here, ["pictures/a.png", "pictures/gone.png", "\0.png", "n" * 5000 + ".png", ""], "parquet").load()
    (said,) = check_images(dataset)
    expected = "3 of 4 images of items (column 'photo') are not there, such as 'shop/pictures/gone.png'"
    assert said == expected


def test_where_no_image_is_there_the_log_is_refused(here):
    dataset = shop(here, ["img/a.png", "img/b.png", ""]).load()
    with pytest.raises(DataError, match=r"not one of the 2 images of column 'photo' is there") as told:
        check_images(dataset)
    assert "from the folder of the items file" in str(told.value)


def test_a_column_without_any_path_is_no_fault(here):
    assert check_images(shop(here, ["", None]).load()) == ()


@pytest.mark.parametrize("address", ["https://example.com/a.png", "FTP://x/a.png", "data:image/png;base64,AAAA"])
def test_addresses_are_refused_and_nothing_is_fetched(here, address):
    dataset = shop(here, ["pictures/a.png", address]).load()
    with pytest.raises(DataError, match="nothing is downloaded") as told:
        check_images(dataset)
    assert repr(address) in str(told.value)


def test_the_fingerprint_says_which_images_are_there(here):
    made = shop(here, ["pictures/a.png", "pictures/later.png"])
    before = made.fingerprint()
    (here / "shop" / "pictures" / "later.png").write_bytes(b"new")
    after = made.fingerprint()
    (here / "shop" / "pictures" / "a.png").write_bytes(b"changed")  # of the encode step's business
    assert before != after == made.fingerprint()
    os.remove(here / "shop" / "pictures" / "later.png")
    assert made.fingerprint() == before


def test_of_several_columns_of_images_it_is_said_which_is_read(here):
    made = shop(here, ["pictures/a.png", "pictures/b.png"])
    columns = COLUMNS | {"cover": {"role": "covariate", "kind": "image"}}
    table = pd.read_csv("shop/items.csv").assign(cover="pictures/a.png")
    table.to_csv("shop/items.csv", index=False)
    dataset = made.set_params(schema={"columns": columns}).load()
    assert check_images(dataset) == ("of several columns of images of items, encoders read 'photo', not 'cover'",)
