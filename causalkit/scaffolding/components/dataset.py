"""A shop small enough to read, in which a coin decides what is shown."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Column, Dataset, Schema, Table, Truth


@component
class CoinShop:
    """A shop in which a coin decides what is shown.

    Every user meets every item every week; showing soap sells more of it, showing tea does not.
    """

    users: Annotated[int, Field(ge=2)] = 100
    "How many users; there are 8 items and 16 weeks."
    seed: int = 0
    "Seed of the drawn shop; the run's own seed does not change the data."

    def load(self, *, context: Context = Context()) -> Dataset:
        """Draw the log; the planted effects are in `truth`."""
        rng = np.random.default_rng(self.seed)
        user, item, week = (x.ravel() for x in np.indices((self.users, 8, 16)))
        shown = rng.integers(0, 2, len(user))
        effect = np.repeat([0.0, 0.1], 4)
        bought = rng.random(len(user)) < 0.1 + 0.02 * item + effect[item] * shown
        users = pd.Index([f"user {i}" for i in range(self.users)], name="user")
        items = pd.Index([f"{kind} {n}" for kind in ("tea", "soap") for n in range(4)], name="item")
        ids = {"user": pd.Categorical.from_codes(user, users), "item": pd.Categorical.from_codes(item, items)}
        rows = pd.DataFrame(ids | {"week": week, "shown": shown, "bought": bought.astype(int)})
        columns = [Column("user", "user", "categorical", 0), Column("item", "item", "categorical", 0)]
        columns += [Column("week", "time", "time", 0), Column("title", "covariate", "text", 0)]
        columns += [Column("shown", "treatment", "binary", 1), Column("bought", "outcome", "binary", 2)]
        schema, titles = Schema(tuple(columns), ("user", "item", "week")), pd.DataFrame({"title": items}, items)
        truth = Truth(item=pd.Series(effect, items))
        return Dataset(Table(rows), schema, titles, pd.DataFrame(index=users), truth=truth, name="coin-shop")
