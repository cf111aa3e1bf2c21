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
