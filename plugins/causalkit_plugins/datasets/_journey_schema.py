"""What Complete Journey's columns mean, in a marketer's words, and the text that describes an item."""

from __future__ import annotations

import pandas as pd

from causalkit.types import Column, Derivation, Schema, Words

__all__ = ["item_labels", "item_texts", "schema"]

YEAR = 52

_TIERS = {
    0: "attributes and calendar",
    1: "earlier behaviour and season",
    2: "promotion decisions",
    3: "visit",
    4: "outcome",
}

_WORDS = Words(
    units="households",
    rows="household-weeks",
    items="product types",
    question="Which product types does the mailer cause households to buy, and which should get its slots?",
    period="week",
    exposed="in the mailer",
    outcome="bought",
    bundle=", usually with a price cut",
    exposure="mailer",
    everyone="This is the effect of mailing everyone",
    verb="were",
    treated="mailed",
    untreated="unmailed",
    alone="what mailing only you would do",
)


def schema() -> Schema:
    """Roles, kinds, tiers and descriptions; treatment was decided per type and week, chain-wide."""
    return Schema((*_logged(), *_item_attributes(), *_derived()), ("item", "week"), _TIERS, _WORDS)


def _logged() -> list[Column]:
    return [
        Column("item", "item", "categorical", 0, "product type"),
        Column("week", "time", "time", 0, "week of the year"),
        Column("segment", "segment", "categorical", 1, "kind of household: activity, income, bought the type before"),
        Column("exposed", "treatment", "binary", 2, "type in the mailer of the household's home store"),
        Column("display", "bundle", "binary", 2, "type on display in the home store"),
        Column("elsewhere", "placebo-exposure", "binary", 2, "type in another store's mailer, not the home store's"),
        Column("visited", "signal", "binary", 3, "a visit that week"),
        Column("bought", "outcome", "binary", 4, "purchase of the type that week"),
        Column("weight", "weight", "count", None, "households"),
    ]


def _item_attributes() -> list[Column]:
    return [
        Column("text", "covariate", "text", 0, "what the type is"),
        Column("department", "group", "categorical", 0, "department of the store"),
        Column("category", "group", "categorical", 0, "product category"),
        Column("products", "covariate", "count", 0, "products of the type in the catalogue"),
        Column("store_brand", "covariate", "continuous", 0, "share of the type's products under the store's brand"),
    ]


def _derived() -> list[Column]:
    rate = Derivation("group-rate", of="bought", group="department")
    usual = Derivation("lag", of="bought", periods=4, window=4)
    activity = Derivation("lag", of="visited", periods=4, window=4)
    season = Derivation("fourier", periods=YEAR, harmonics=2)
    return [
        Column("department_rate", "covariate", "continuous", 1, "sales of the department's other types", rate),
        Column("earlier_rate", "covariate", "continuous", 1, "sales of the type at least four weeks earlier", usual),
        Column("earlier_visits", "covariate", "continuous", 1, "shopping at least four weeks earlier", activity),
        Column("season", "covariate", "continuous", 0, "time of the year", season),
        Column("trend", "covariate", "continuous", 0, "slow change over the year", Derivation("trend")),
    ]


def item_labels(items: pd.DataFrame) -> pd.Series:
    """What to call each type in a sentence: its name and, where that adds something, its category.

    Half of the names are adjectives ("LEAN", "PRIMAL"), which say nothing alone.
    """
    return pd.Series([_label(name, category) for name, category in items["category"].items()], items.index)


def _label(name: object, category: object) -> str:
    own, within = (" ".join(str(text).lower().split()) for text in (name, category))
    told = {word.rstrip("s") for word in own.split()} >= {word.rstrip("s") for word in within.split()}
    return own if told or not within else f"{own} ({within})"


def item_texts(items: pd.DataFrame) -> pd.Series:
    """One short text per type for encoders: type, category, department, and whether it is the store's brand.

    Package sizes are left out: they double the tokens, and the time to encode, and say little.
    """
    texts = []
    for row in items.assign(name=items.index).itertuples():
        brand = "store brand" if row.store_brand >= 0.5 else ""
        parts = [str(part).lower().strip() for part in (row.name, row.category, row.department, brand)]
        texts.append(", ".join(dict.fromkeys(part for part in parts if part)))
    return pd.Series(texts, items.index)
