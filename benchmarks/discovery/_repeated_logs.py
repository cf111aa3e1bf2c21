"""Logs whose rows repeat users, items and weeks, and coins thrown per each: for `null.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import CausalkitError
from causalkit.types import Column, Variables

__all__ = ["IDS", "Log", "alike", "counted", "grocery", "outcomes", "sampled", "simulated", "with_coins"]

IDS = ("user", "item", "week")
Ints = npt.NDArray[np.intp]
Rng = np.random.Generator


@dataclass(frozen=True)
class Log:
    """Rows of users, items and weeks: which of each, and the columns that are there before any coin is thrown.

    `levels` gives the id that fixes a column; the others differ between rows.
    """

    ids: pd.DataFrame
    columns: dict[str, npt.NDArray[np.float64]]
    levels: dict[str, str]

    def variables(self, added: dict[str, npt.NDArray[np.float64]], levels: dict[str, str]) -> Variables:
        """The table that discovery sees, with columns added."""
        table = pd.DataFrame(self.columns | added)
        described = tuple(Column(n, "covariate", "binary" if table[n].nunique() == 2 else "continuous") for n in table)
        return Variables(
            table, described, {n: (of,) for n, of in (self.levels | levels).items()}, self.ids, outcome="bought"
        )

    def coins(self, rng: Rng, count: int) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, str]]:
        """`count` fair coins for each of user, item and week, by the same throw on all rows of one."""
        thrown, levels = {}, {}
        for name in IDS:
            code = self.ids[name].to_numpy()
            for k in range(count):
                thrown[f"{name}_{k}"] = rng.integers(0, 2, code.max() + 1)[code].astype(float)
                levels[f"{name}_{k}"] = name
        return thrown, levels


def alike(variables: Variables) -> Variables:
    """The same rows as if each were independent."""
    return replace(variables, levels={}, units=pd.DataFrame())


def with_coins(variables: Variables, rng: Rng, count: int) -> Variables:
    """A table of one id, `count` coins thrown per each of it."""
    (name,) = variables.units.columns
    code = variables.units[name].to_numpy()
    thrown = {f"coin_{k}": rng.integers(0, 2, code.max() + 1)[code].astype(float) for k in range(count)}
    columns = (*variables.columns, *(Column(coin, "covariate", "binary") for coin in thrown))
    return replace(
        variables, table=variables.table.assign(**thrown), columns=columns, levels=dict.fromkeys(thrown, (name,))
    )


def _of_groups(rng: Rng, ids: pd.DataFrame, sizes: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """A sum of draws per user, item and week, of the standard deviations given."""
    return np.asarray(sum(s * rng.normal(size=ids[n].max() + 1)[ids[n].to_numpy()] for n, s in zip(IDS, sizes)))


def simulated(rng: Rng, users: int = 400, items: int = 100, weeks: int = 40, rows: int = 30_000) -> Log:
    """A log in which users come in some weeks and see some items, heavy users and popular items more.

    `bought` (0/1) hangs on user, item and week, on the user's `age`, the item's `price`, the week's `season`, and
    `shown`, which differ between rows and hang on others of each.
    """
    activity, popularity = rng.lognormal(0, 0.5, users), rng.lognormal(0, 0.5, items)
    ids = pd.DataFrame(
        {
            "user": rng.choice(users, rows, p=activity / activity.sum()),
            "item": rng.choice(items, rows, p=popularity / popularity.sum()),
            "week": rng.integers(0, weeks, rows),
        }
    ).drop_duplicates()
    ids = ids.apply(lambda column: pd.factorize(column)[0]).reset_index(drop=True)
    u, i, t = (ids[name].to_numpy() for name in IDS)
    age, price, season = (rng.normal(size=of.max() + 1)[of] for of in (u, i, t))
    shown = _of_groups(rng, ids, (0.4, 0.5, 0.4)) + rng.normal(size=len(ids))
    lift = -1 + 0.5 * age - 0.4 * price + 0.4 * season + 0.3 * shown + _of_groups(rng, ids, (0.6, 0.6, 0.4))
    bought = (rng.random(len(ids)) < 1 / (1 + np.exp(-lift))).astype(float)
    columns = {"age": age, "price": price, "season": season, "shown": shown, "bought": bought}
    return Log(ids, columns, {"age": "user", "price": "item", "season": "week"})


def outcomes(rng: Rng, log: Log, count: int) -> dict[str, npt.NDArray[np.float64]]:
    """Columns that differ between rows, hang on user, item and week, and on nothing else."""
    noise = {f"row_{k}": rng.normal(size=len(log.ids)) for k in range(count)}
    return {name: _of_groups(rng, log.ids, (0.5, 0.5, 0.5)) + value for name, value in noise.items()}


def grocery() -> pd.DataFrame | None:
    """Complete Journey's purchases, a row per household, week and product type bought then; None if it is absent."""
    from causalkit_plugins.datasets import _journey_files as files

    try:
        folder = files.data_folder()
    except CausalkitError:
        return None
    _, item_of = files.read_items(folder)
    lines = files.read_purchases(folder, item_of)
    each = pd.DataFrame({"user": lines.household, "item": lines.item, "week": lines.week}).drop_duplicates()
    each = each[each["week"].between(2, 52)]  # the first and the last week are incomplete
    buyers = each.groupby("item")["user"].nunique()
    each = each[each["item"].isin(buyers.index[(buyers >= 50) & (buyers.index >= 0)])]
    return each.reset_index(drop=True)


def counted(bought: pd.DataFrame, name: str) -> Variables:
    """For each user (item, week): rows with a purchase and without, of all visits' weeks by types, as weighted rows."""
    visits = bought[["user", "week"]].drop_duplicates()
    types = bought["item"].nunique()
    each = bought.groupby(name).size()
    rows = pd.Series(len(visits), each.index) if name == "item" else visits.groupby(name).size() * types
    ids = pd.DataFrame({name: np.repeat(np.arange(len(each)), 2)})
    weights = np.column_stack([rows.reindex(each.index) - each, each]).ravel().astype(float)
    table = pd.DataFrame({"bought": np.tile([0.0, 1.0], len(each))})
    return Variables(table, (Column("bought", "outcome", "binary"),), units=ids, outcome="bought", weights=weights)


def sampled(bought: pd.DataFrame, rng: Rng, households: int, types: int) -> Log:
    """Some households by the weeks in which they came by some types, row by row."""
    users = rng.choice(bought["user"].unique(), households, replace=False)
    items = rng.choice(bought["item"].value_counts().index[:400], types, replace=False)
    each = bought[bought["user"].isin(users)]
    grid = each[["user", "week"]].drop_duplicates().merge(pd.DataFrame({"item": items}), how="cross")
    seen = grid.merge(each.assign(bought=1.0), how="left", on=list(IDS))["bought"].fillna(0)
    ids = grid[list(IDS)].apply(lambda column: pd.factorize(column)[0])
    return Log(ids, {"bought": seen.to_numpy()}, {})
