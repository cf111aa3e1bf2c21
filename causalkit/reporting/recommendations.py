"""The top recommendations with their receipts: overall, per segment, and for a sample of users."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from causalkit.reporting.svg import Scale, element, interval_mark
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import Units, shortened
from causalkit.types import Receipt

__all__ = ["Recommendation", "RecommendationList", "recommendations"]

OVERALL, PER_GROUP = 10, 5
MOST_GROUPS = {"segment": 24, "user": 6}
MOST_TEXT = 700


@dataclass(frozen=True)
class Recommendation:
    """One line of a list: what, its claimed effect, and the receipt where there is one."""

    rank: int
    item: str
    effect: str
    interval: str
    level: str
    status: str
    plot: Markup
    receipt: Receipt | None
    text: str
    graph_range: str


@dataclass(frozen=True)
class RecommendationList:
    """The list of everybody, of a segment, or of a user; `total` groups of this scope were ranked."""

    scope: str
    who: str
    total: int
    lines: tuple[Recommendation, ...]


def recommendations(view: ReportView, units: Units) -> list[RecommendationList]:
    """Every list that the report shows, overall first."""
    if view.ranking is None or not len(view.ranking.table):
        return []
    table = view.ranking.table
    scale = Scale.over([*table["lower"], *table["upper"], *table["effect"]]) if len(table) < 50 else _middle(table)
    lists = []
    for scope in ("overall", "segment", "user"):
        groups = list(dict.fromkeys(table.loc[table["scope"] == scope, "who"].astype(str)))
        for who in groups[: MOST_GROUPS.get(scope, 1)]:
            rows = view.ranking.of(scope, who)[: OVERALL if scope == "overall" else PER_GROUP]
            lines = tuple(_line(view, units, scale, row, scope, who) for row in rows.to_dict("records"))
            lists.append(RecommendationList(scope, shortened(who, 60), len(groups), lines))
    return lists


def _middle(table: pd.DataFrame) -> Scale:
    """A scale for the intervals of the overall list, or of all where there is none."""
    rows = table[table["scope"] == "overall"]
    rows = rows if len(rows) else table
    return Scale.over([*rows["lower"][:OVERALL], *rows["upper"][:OVERALL], *rows["effect"][:OVERALL]])


def _line(view: ReportView, units: Units, scale: Scale, row: dict[str, object], scope: str, who: str) -> Recommendation:
    effect, lower, upper = (float(row[k]) for k in ("effect", "lower", "upper"))  # type: ignore[arg-type]
    status = str(row["status"])
    is_guess = status == "predicted"
    marks = interval_mark(
        scale, effect, lower, upper, kind="ring" if is_guess else "dot", class_="mark predicted" if is_guess else "mark"
    )
    zero = element("line", x1=scale.percent(0), x2=scale.percent(0), y1="0", y2="100%", class_="zero")
    plot = element("svg", zero, *marks, class_="marks", width="100%", height=20, aria_hidden="true")
    receipt = view.explanation.find(row["item"], scope, who) if view.explanation is not None else None
    reach = receipt.graph_range if receipt is not None else None
    return Recommendation(
        rank=int(row["rank"]),  # type: ignore[call-overload]
        item=shortened(view.item(row["item"]), 80),
        effect=units.effect(effect),
        interval=units.interval(lower, upper),
        level=str(row["level"]),
        status=status,
        plot=plot,
        receipt=receipt,
        text=shortened(receipt.text, MOST_TEXT) if receipt is not None else "",
        graph_range=units.interval(*reach) if reach is not None else "",
    )
