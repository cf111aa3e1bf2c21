"""Nothing that is evaluated on held-out rows has read their outcomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from taste_world import SCHEMA as SCHEMA_BY_USER
from taste_world import taste_world

import causalkit as ck

WEEKS, ITEMS = 40, 14
BLOCKS = {"by": "time-blocks", "weeks": 4, "pattern": "DEET", "first": 5, "last": 32, "transport": 8}
HELD_OUT = [*range(17, 21), *range(33, 41)]


def _log(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Type × week × segment counts; one group has a single item, and another item's weeks are few."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(-2, 0.4, ITEMS))
    mailed = rng.random((ITEMS, WEEKS + 1)) < 0.45
    rows = []
    for i in range(ITEMS):
        for week in range(1, WEEKS + 1):
            if i == 1 and week % 3 == 0:
                continue  # its group's other item then reads a gap
            for segment in ("few", "many"):
                rate = level[i] * (1 + 0.3 * mailed[i, week] + 0.2 * np.sin(week / 5))
                bought = rng.binomial(200, rate)
                elsewhere = int(not mailed[i, week] and rng.random() < 0.3)
                for outcome, count in ((1, bought), (0, 200 - bought)):
                    rows.append((f"t{i:02d}", week, segment, int(mailed[i, week]), elsewhere, outcome, count))
    names = ["item", "week", "segment", "exposed", "elsewhere", "bought", "households"]
    groups = ["pair", "pair", "alone", *(f"g{k % 3}" for k in range(ITEMS - 3))]
    items = pd.DataFrame(
        {
            "item": [f"t{i:02d}" for i in range(ITEMS)],
            "aisle": groups,
            "text": [f"{g} thing {'abc'[i % 3]}" for i, g in enumerate(groups)],
        }
    )
    return pd.DataFrame(rows, columns=names), items


SCHEMA = {
    "columns": {
        "item": {"role": "item"},
        "week": {"role": "time", "kind": "time", "tier": 0},
        "segment": {"role": "segment"},
        "exposed": {"role": "treatment", "kind": "binary", "tier": 2},
        "elsewhere": {"role": "placebo-exposure", "kind": "binary", "tier": 2},
        "bought": {"role": "outcome", "kind": "binary", "tier": 3},
        "households": {"role": "weight", "kind": "count"},
        "aisle": {"role": "group", "kind": "categorical", "tier": 0},
        "text": {"role": "covariate", "kind": "text", "tier": 0},
        "before": {"role": "covariate", "tier": 1, "derive": {"how": "lag", "of": "bought", "periods": 4, "window": 3}},
        "others": {"role": "covariate", "tier": 1, "derive": {"how": "group-rate", "of": "bought", "group": "aisle"}},
        "trend": {"role": "covariate", "tier": 0, "derive": {"how": "trend"}},
    },
    "assignment": ["item", "week"],
}


def _run(rows: pd.DataFrame, items: pd.DataFrame, folder: Path, split: dict) -> ck.Run:
    folder.mkdir()
    rows.to_csv(folder / "rows.csv", index=False)
    items.to_csv(folder / "items.csv", index=False)
    config = {
        "name": "leak",
        "data": {
            "use": "tables",
            "params": {
                "interactions": str(folder / "rows.csv"),
                "items": str(folder / "items.csv"),
                "schema": SCHEMA,
            },
        },
        "split": split,
        "encode": {"item": {"use": "lsa", "params": {"dims": 3}}},
        "discover": "pc",
        "identify": {"target": "att"},
        "estimate": {"item": {"use": "shared", "params": {"of": {"use": "panel"}}}},
        "refute": ["future-exposure", "exposure-elsewhere", "shifted-calendar", "permutation"],
        "rank": "uplift",
        "seed": 3,
    }
    return ck.run(config, until="rank", runs_dir=folder / "runs")


@pytest.mark.parametrize("split", [BLOCKS, {"by": "random", "test": 0.3}], ids=["blocks", "random"])
def test_held_out_outcomes_change_no_vector_graph_effect_or_list(tmp_path: Path, split: dict) -> None:
    rows, items = _log()
    clean = _run(rows, items, tmp_path / "clean", split)
    assert clean.effects is not None
    log = clean.split
    assert log is not None
    held = _held_out(rows, split)
    assert 0.1 < held.mean() < 0.6
    spoilt = rows.assign(bought=rows["bought"].where(~held, 1 - rows["bought"]))
    other = _run(spoilt, items, tmp_path / "spoilt", split)
    assert clean.result.data_fingerprint != other.result.data_fingerprint
    pd.testing.assert_frame_equal(clean.effects.item, other.effects.item, check_exact=True)
    pd.testing.assert_frame_equal(clean.effects.segment, other.effects.segment, check_exact=True)
    pd.testing.assert_frame_equal(clean.effects.ladder, other.effects.ladder, check_exact=True)
    assert clean.effects.item["raw"].notna().sum() > ITEMS // 2
    assert clean.graph == other.graph
    assert clean.embeddings.item.vectors.tobytes() == other.embeddings.item.vectors.tobytes()
    pd.testing.assert_frame_equal(clean.ranking.table, other.ranking.table, check_exact=True)
    assert [v.read for v in clean.verdicts] == [v.read for v in other.verdicts]


def _held_out(rows: pd.DataFrame, split: dict) -> pd.Series:
    """Rows of test and transport, worked out as the run will."""
    if split["by"] == "time-blocks":
        return rows["week"].isin(HELD_OUT)
    from causalkit import preparation
    from causalkit.components import Context
    from causalkit.config import SplitPlan
    from causalkit.types import Column, Dataset, Schema, Table

    columns = (
        Column("item", "item"),
        Column("week", "time"),
        Column("exposed", "treatment"),
        Column("bought", "outcome"),
    )
    data = Dataset(Table(rows), Schema(columns, ("item", "week")), pd.DataFrame(index=rows["item"].unique()))
    parted, _ = preparation.split(data, SplitPlan(by="random", test=split["test"]), Context(root_seed=3).under("split"))
    return parted.interactions.frame()["fold"].eq(2)


USERS = taste_world(users=150, items=8, weeks=12)


def _run_by_user(rows: pd.DataFrame, folder: Path, split: dict, unit: list[str]) -> ck.Run:
    folder.mkdir(exist_ok=True)
    rows.to_csv(folder / "rows.csv", index=False)
    texts = {"item": list(USERS.items.ids), "text": [f"{word} thing" for word in ("red", "green", "blue", "grey")] * 2}
    pd.DataFrame(texts).to_csv(folder / "items.csv", index=False)
    pd.DataFrame({"user": USERS.dataset.users.index}).to_csv(folder / "users.csv", index=False)
    roles = {column.name: {"role": column.role, "kind": column.kind} for column in SCHEMA_BY_USER.columns}
    tables = {
        name: str(folder / f"{file}.csv") for name, file in (("interactions", "rows"), ("items",) * 2, ("users",) * 2)
    }
    schema = {"columns": roles | {"text": {"role": "covariate", "kind": "text"}}, "assignment": unit}
    config = {
        "name": "leak by user",
        "data": {"use": "tables", "params": {**tables, "schema": schema}},
        "split": split,
        "encode": {
            "item": {"use": "lsa", "params": {"dims": 3}},
            "user": {"use": "behaviour", "params": {"half_life": 4, "signals": 0.5, "exposed": 0.1, "centre": True}},
        },
        "estimate": {"item": "difference-in-means"},
        "rank": "uplift",
        "seed": 3,
    }
    return ck.run(config, until="encode", runs_dir=folder / "runs")


PARTS_BY_USER = [
    ({"by": "time-blocks", "weeks": 2, "pattern": "DEVT", "transport": 2}, ["user", "item", "week"], ["discover"]),
    ({"by": "random", "discover": 0.3, "test": 0.3}, ["user", "item", "week"], ["discover"]),
    ({"by": "random", "discover": 0.3, "test": 0.3}, ["user"], ["discover", "training"]),
]


@pytest.mark.parametrize(("split", "unit", "seen"), PARTS_BY_USER, ids=["blocks", "random rows", "random users"])
def test_users_vectors_hold_no_outcome_of_rows_that_they_may_not_see(
    tmp_path: Path, split: dict, unit: list[str], seen: list[str]
) -> None:
    rows = USERS.dataset.interactions.frame()
    clean = _run_by_user(rows, tmp_path / "clean", split, unit)
    log = clean.log().interactions.frame()
    may = log[clean.split.column].isin(clean.split.values(*seen)).to_numpy()
    assert 0.1 < may.mean() < 0.8
    vectors = clean.embeddings.user.vectors
    assert vectors.any(axis=1).mean() > 0.2

    def flipped(where: npt.NDArray[np.bool_]) -> pd.DataFrame:
        return rows.assign(**{name: rows[name].where(~where, 1 - rows[name]) for name in ("bought", "clicked")})

    unseen = _run_by_user(flipped(~may), tmp_path / "unseen", split, unit)
    assert unseen.result.data_fingerprint != clean.result.data_fingerprint
    assert unseen.embeddings.user.vectors.tobytes() == vectors.tobytes()
    assert unseen.embeddings.user.notes == clean.embeddings.user.notes
    seen_too = _run_by_user(flipped(may & (np.arange(len(may)) % 9 == 0)), tmp_path / "clean", split, unit)
    assert not np.allclose(seen_too.embeddings.user.vectors, vectors), "made anew where the rows have changed"
    training = log[clean.split.column].isin(clean.split.values("training")).to_numpy()
    assert any("hold outcomes that effects" in note for note in clean.embeddings.user.notes) == bool(
        (training & may).any()
    )


def test_users_vectors_are_the_same_bytes_for_rows_in_another_order(tmp_path: Path) -> None:
    split, unit, _ = PARTS_BY_USER[0]
    rows = USERS.dataset.interactions.frame()
    clean = _run_by_user(rows, tmp_path / "clean", split, unit)
    shuffled = _run_by_user(rows.sample(frac=1, random_state=1), tmp_path / "shuffled", split, unit)
    assert clean.result.data_fingerprint != shuffled.result.data_fingerprint
    assert clean.embeddings.user.vectors.tobytes() == shuffled.embeddings.user.vectors.tobytes()
