"""Items of the simulated shop: departments, traits, and the sentences that describe them.

What an item's text says decides, up to noise, how well showing it persuades and how often it is
bought anyway. Staples are wanted by nearly everybody and gain little from being shown; novelties
gain much and are seldom bought unprompted. Nothing else ties popularity to effect. A text may also be
silent: it then tells of traits that were drawn for the sentence alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["DEPARTMENTS", "SEGMENTS", "Catalogue", "Text", "draw_catalogue"]

Floats = npt.NDArray[np.float64]
Text = Literal["tells", "silent"]

SEGMENTS = ("families", "students", "couples", "retired")

DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "bakery": ("sourdough loaf", "rye bread", "butter croissant", "seeded rolls", "cinnamon buns", "flatbread"),
    "dairy": ("whole milk", "greek yoghurt", "cheddar", "salted butter", "oat drink", "soft cheese"),
    "produce": ("strawberries", "spinach", "tomatoes", "avocados", "apples", "sweet potatoes"),
    "pantry": ("olive oil", "penne", "basmati rice", "chickpeas", "tomato sauce", "ground coffee"),
    "snacks": ("oat bars", "dark chocolate", "tortilla chips", "roasted almonds", "popcorn", "fruit gums"),
    "household": ("dish soap", "paper towels", "candles", "laundry powder", "sponges", "bin bags"),
}


@dataclass(frozen=True)
class _Trait:
    """How an item may be described, how much showing it persuades, and how wanted it is anyway."""

    phrases: tuple[str, ...]
    persuasion: float
    demand: float


_TRAITS = (
    _Trait(("an everyday staple", "a basic that every kitchen uses up", "bought week after week"), -0.03, 0.9),
    _Trait(("a refill of what runs out", "the usual pack, to restock", "for the regular shopping list"), -0.02, 0.6),
    _Trait(("a new recipe, just launched", "a novelty to discover", "never seen on the shelf before"), 0.10, -0.5),
    _Trait(("a treat for the moment", "an indulgence on impulse", "hard to resist at the till"), 0.07, 0.1),
    _Trait(("for guests and gifts", "a present to bring along", "festively wrapped"), 0.04, -0.4),
    _Trait(("organic, from small farms", "grown without pesticides", "certified organic"), 0.01, -0.1),
    _Trait(("in the large family pack", "a big bag for many", "bulk size"), 0.0, 0.3),
    _Trait(("for a special diet", "free from gluten and lactose", "for those with allergies"), -0.02, -0.7),
)
_DEPARTMENT_PERSUASION = (0.0, -0.01, 0.02, -0.01, 0.03, -0.02)


@dataclass(frozen=True)
class Catalogue:
    """Drawn items.

    Parameters
    ----------
    table : indexed by item, a product's name and number: `description` (text), `department`, `price`.
    department : code per item into `DEPARTMENTS`.
    persuasion : per item, the share of visits in which showing it would change a mind.
    demand : per item, log-odds of being bought unprompted, centred.
    tastes : `[items, topics]`, unit rows: what kind of taste the item meets.
    cold : items that were never exposed.
    """

    table: pd.DataFrame
    department: npt.NDArray[np.int64]
    persuasion: Floats
    demand: Floats
    tastes: Floats
    cold: npt.NDArray[np.bool_]


def draw_catalogue(items: int, cold: float, topics: int, rng: np.random.Generator, text: Text = "tells") -> Catalogue:
    """Draw `items` items, a share `cold` of which is never exposed.

    A `silent` text moves no other draw: its traits come from a generator of their own.
    """
    department = rng.integers(0, len(DEPARTMENTS), items)
    first, second = _two_traits(items, rng)
    persuading, wanted = (np.array([getattr(t, name) for t in _TRAITS]) for name in ("persuasion", "demand"))
    persuasion = 0.05 + persuading[first] + persuading[second] + np.array(_DEPARTMENT_PERSUASION)[department]
    demand = wanted[first] + wanted[second] + rng.normal(0, 0.7, items)
    tastes = rng.normal(0, 1, (len(DEPARTMENTS), topics))[department] + rng.normal(0, 0.7, (items, topics))
    never = np.zeros(items, bool)
    never[rng.choice(items, round(cold * items), replace=False)] = True
    told = (first, second) if text == "tells" else _two_traits(items, rng.spawn(1)[0])
    return Catalogue(
        _table(department, *told, rng),
        department,
        np.clip(persuasion + rng.normal(0, 0.015, items), -0.08, 0.4),
        demand - demand.mean(),
        tastes / np.linalg.norm(tastes, axis=1, keepdims=True),
        never,
    )


def _two_traits(items: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Two different traits for each item."""
    first, second = rng.integers(0, len(_TRAITS), (2, items))
    return first, np.where(second == first, (first + 1) % len(_TRAITS), second)


def _table(
    department: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> pd.DataFrame:
    names, pick = list(DEPARTMENTS), rng.integers(0, 6, len(department))
    words = rng.integers(0, 3, (2, len(department)))
    rows = []
    for i, (d, noun, a, b) in enumerate(zip(department, pick, first, second, strict=True)):
        product = DEPARTMENTS[names[d]][noun]
        said = f"{_TRAITS[a].phrases[words[0, i]]}, {_TRAITS[b].phrases[words[1, i]]}"
        rows.append((f"{product} {i + 1}", f"{product}: {said}.", names[d]))
    table = pd.DataFrame(rows, columns=["item", "description", "department"]).set_index("item")
    table["price"] = np.round(rng.lognormal(1.0, 0.5, len(table)), 2)
    return table
