"""A log whose items are described in every way that texts come in, written to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

MEGABYTE = 1_000_000
TEXTS: dict[str, str | None] = {
    "plain": "oat bars",
    "html": "<p>rye <b>bread</b> &amp; butter</p>",
    "escaped": "&lt;i&gt;dark&lt;/i&gt; rye",
    "script": "<script>alert(1)</script>",
    "handler": "'\"><svg onload=alert(2)>",
    "unclosed": "<a href='x",
    "template": "{{7*7}}{% for x in y %}",
    "formula": "=cmd|' /C calc'!A0",
    "emoji": "jam 🍓 for the 👩\u200d👩\u200d👧",
    "arabic": "قميص أحمر 12",
    "hebrew": "(חולצה), 5",
    "persian": "می\u200cخواهم",
    "turned": "\u202everything after is turned round",
    "nul": "milk\x002%",
    "escape": "red\x1b[31m sauce",
    "byte order mark": "\ufefftea",
    "no width": " \u200b\u200b ",
    "empty": "",
    "missing": None,
    "placeholder": "n/a",
    "garbled": "CafÃ© crÃ¨me",
    "marks": "Z\u0301\u0316\u0301\u0316\u0301a\u0300lgo" * 40,
    "russian": "молоко 2%",
    "greek": "ελληνικό μέλι",
    "chinese": "新鲜的苹果",
    "japanese": "新鮮なりんごジュース",
    "korean": "한국 배",
    "thai": "มะม่วง",
    "hindi": "ताज़ा आम",
    "megabyte of words": "fresh " * (MEGABYTE // 6),
    "megabyte of one letter": "x" * MEGABYTE,
    "megabyte of tags": "<div>" * (MEGABYTE // 5),
    "megabyte of brackets": "<" * MEGABYTE,
    "megabyte of arabic": "قميص " * (MEGABYTE // 10),
}
COLUMNS = {
    "user": {"role": "user"},
    "item": {"role": "item"},
    "week": {"role": "time"},
    "keen": {"role": "covariate", "kind": "continuous"},
    "shown": {"role": "treatment"},
    "bought": {"role": "outcome"},
    "title": {"role": "covariate", "kind": "text", "description": "what it is called"},
}


def ids() -> list[str]:
    """The items' ids, in the order of `TEXTS`."""
    return [f"i{k:02}" for k in range(len(TEXTS))]


def write_log(folder: Path, suffix: str, rows: int = 5_000) -> None:
    """`log` and `items`, as CSV or Parquet, and `config.yaml` for a run over them."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 150, rows), rng.integers(0, len(TEXTS), rows)
    keen = rng.normal(size=150)[user]
    shown = (rng.random(rows) < 1 / (1 + np.exp(-keen))).astype(int)
    bought = (rng.random(rows) < 0.3 + 0.2 * shown + 0.1 * np.tanh(keen)).astype(int)
    log = {"user": user, "item": np.array(ids())[item], "week": rng.integers(1, 17, rows), "keen": keen}
    _write(pd.DataFrame({**log, "shown": shown, "bought": bought}), folder / f"log{suffix}")
    _write(pd.DataFrame({"item": ids(), "title": list(TEXTS.values())}), folder / f"items{suffix}")
    schema = {"columns": COLUMNS, "assignment": ["user", "item"]}
    params = {"interactions": f"log{suffix}", "items": f"items{suffix}", "schema": schema}
    config = {
        "data": {"use": "tables", "params": params},
        "split": {"by": "random"},
        "encode": {"item": "lsa"},
        "estimate": {"item": {"use": "shared", "params": {"of": {"use": "aipw"}}}},
        "rank": "uplift",
        "explain": "receipt",
        "top": len(TEXTS),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def _write(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
