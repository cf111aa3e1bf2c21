"""Datasets to check whose defaults will not do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def tables(folder: Path) -> Iterable[Any]:
    """It reads files: a log with items and users as CSV, and one as Parquet alone."""
    from causalkit_plugins.datasets.tables import Tables

    rng = np.random.default_rng(0)
    log = pd.DataFrame(
        {
            "customer": [f"c{k}" for k in rng.integers(0, 20, 400)],
            "sku": rng.integers(100, 106, 400),
            "day": rng.integers(1, 15, 400),
            "shown": rng.integers(0, 2, 400),
            "price": rng.normal(size=400).round(3),
        }
    ).assign(bought=lambda rows: (rng.random(400) < 0.2 + 0.2 * rows["shown"]).astype(int))
    items = pd.DataFrame({"sku": range(100, 106), "title": ["Rye", "Milk", "=1+1", "Thé", "<b>Soap</b>", ""]})
    users = pd.DataFrame({"customer": [f"c{k}" for k in range(20)], "age": rng.integers(20, 70, 20)})
    for name, table in (("log", log), ("items", items), ("users", users)):
        table.to_csv(folder / f"{name}.csv", index=False)
    log.to_parquet(folder / "log.parquet")
    roles = {"sku": "item", "shown": "treatment", "bought": "outcome", "day": "time", "price": "covariate"}
    columns = {name: {"role": role} for name, role in roles.items()}
    whose = {"customer": {"role": "user"}, "age": {"role": "covariate"}, "title": {"role": "covariate", "kind": "text"}}
    given = {name: str(folder / f"{name}.csv") for name in ("items", "users")}
    whole: Any = {"columns": columns | whose, "assignment": ["customer", "day"]}
    plain: Any = {"columns": columns, "assignment": ["sku", "day"]}
    return [
        Tables(interactions=str(folder / "log.csv"), schema=whole, **given),
        Tables(interactions=str(folder / "log.parquet"), schema=plain),
    ]


def simulated(folder: Path) -> Iterable[Any]:
    """A smaller shop, with and without what may be left out."""
    from causalkit_plugins.datasets.simulated import Simulated

    size = {"users": 80, "items": 12, "weeks": 6}
    return [Simulated(**size), Simulated(**size, log_propensity=True, hidden=1.0, cold=0.0, seed=3)]


def complete_journey(folder: Path) -> Iterable[Any]:
    """Its year takes seconds to count: tiny files of the same form, drawn here."""
    from causalkit_plugins.datasets.complete_journey import CompleteJourney

    rng = np.random.default_rng(2)
    kinds = ["APPLES", "BEER", "CHEESE", "BREAD", "SOAP", None]
    products = pd.DataFrame(
        {"product_id": range(1, 13), "product_type": kinds * 2, "brand": ["National", "Private"] * 6}
    )
    products = products.assign(product_category="FOOD", department="GROCERY")
    promoted = pd.MultiIndex.from_product([range(1, 13), (30, 10, 500), range(1, 54)]).to_frame(index=False)
    promoted.columns = pd.Index(["product_id", "store_id", "week"])
    promoted["display_location"] = rng.choice(["0", "3", "A"], len(promoted))
    promoted["mailer_location"] = rng.choice(["0", "0", "H"], len(promoted))
    bought = pd.MultiIndex.from_product([range(1, 25), range(1, 54), range(4)]).to_frame(index=False)
    bought.columns = pd.Index(["household_id", "week", "line"])
    bought["store_id"] = np.array([30, 10, 500])[bought["household_id"] % 3]
    bought["basket_id"] = bought["household_id"] * 100 + bought["week"]
    bought["product_id"] = rng.integers(1, 13, len(bought))
    who = pd.DataFrame({"household_id": range(1, 20), "income": rng.choice(["Under 15K", "75-99K", "250K+"], 19)})
    files = {"products": products, "demographics": who}
    files |= {
        "promotions": promoted.sample(frac=0.6, random_state=1),
        "transactions": bought.sample(frac=0.7, random_state=1),
    }
    (folder / "journey").mkdir()
    for name, table in files.items():
        table.to_parquet(folder / "journey" / f"{name}.parquet", index=False)
    return [CompleteJourney(folder=folder / "journey")]
