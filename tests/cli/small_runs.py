"""A small log of one's own, with ids that mean harm, and runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ITEMS = (
    "=cmd|' /C calc'!A0",
    "-3",
    "+tea",
    "@sum",
    "\tcocoa",
    'milk "whole"',
    "two\nlines",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "🍓",
    "rice",
    "oats",
    "rye",
)
SCHEMA = {
    "columns": {
        "person": {"role": "user"},
        "thing": {"role": "item"},
        "club": {"role": "segment"},
        "week": {"role": "time"},
        "shown": {"role": "treatment"},
        "bought": {"role": "outcome", "kind": "binary"},
        "=age": {"role": "covariate", "kind": "continuous"},
        "words": {"role": "covariate", "kind": "text"},
        "kind": {"role": "group"},
    }
}


def write_log(folder: Path) -> None:
    """`log.parquet` and `items.parquet`: half the things are sweet, which is what showing them does better for."""
    rng = np.random.default_rng(3)
    n = 9000
    person, thing = rng.integers(0, 150, n), rng.integers(0, len(ITEMS), n)
    shown = rng.random(n) < 0.5
    bought = rng.random(n) < 0.1 + shown * np.where(thing % 2 == 0, 0.3, 0.1) * (1 + (person % 3 == 0))
    log = {"person": [f"p{i:03d}" for i in person], "thing": np.array(ITEMS)[thing], "club": person % 3}
    log |= {
        "shown": shown.astype(int),
        "bought": bought.astype(int),
        "=age": rng.normal(size=n),
        "week": rng.integers(0, 8, n),
    }
    pd.DataFrame(log).astype({"club": str}).to_parquet(folder / "log.parquet")
    words = ["sweet and sugary" if i % 2 == 0 else "sour and salty" for i in range(len(ITEMS))]
    kinds = ["sweet" if i % 2 == 0 else "sour" for i in range(len(ITEMS))]
    pd.DataFrame({"thing": ITEMS, "words": words, "kind": kinds}).to_parquet(folder / "items.parquet")


def config(folder: Path, **changes: Any) -> dict[str, Any]:
    """A config for the log in `folder`."""
    files = {"interactions": str(folder / "log.parquet"), "items": str(folder / "items.parquet")}
    return {
        "name": "harmless",
        "data": {"use": "tables", "params": {**files, "schema": SCHEMA}},
        "split": {"by": "random"},
        "encode": {"item": {"use": "lsa", "params": {"dims": 4}}},
        "estimate": {"item": {"use": "shared", "params": {"of": {"use": "difference-in-means"}}}},
        "evaluate": [],
        "top": 4,
        **changes,
    }
