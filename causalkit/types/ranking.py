"""A ranked list: overall, per segment, and per user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd

__all__ = ["RANKING_COLUMNS", "Ranking"]

RANKING_COLUMNS = ("scope", "who", "rank", "item", "score", "effect", "stderr", "lower", "upper", "level", "status")


@dataclass(frozen=True)
class Ranking:
    """Recommendations, best first.

    Parameters
    ----------
    table : columns `RANKING_COLUMNS`. `scope` is `overall`, `segment` or `user`; `who` the segment or
        user (empty overall); `effect` … `upper` (95 %) what is claimed; `level` whose effect it is
        (`item`, `segment` or `pair`).
    ranker : what made it.
    excluded : how many items each status kept out.
    """

    table: pd.DataFrame
    ranker: str
    excluded: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        lists = self.table.groupby("scope", sort=False)["who"].nunique()
        users = "".join(f", {n:,} {scope} lists" for scope, n in lists.items() if scope != "overall")
        first = ", ".join(repr(str(item)) for item in self.overall["item"][:3])
        out = "".join(f", {n:,} left out as {status}" for status, n in self.excluded.items() if n)
        return f"Ranking(by {self.ranker}: {first or 'nothing'} …{users}{out}; see .overall)"

    def _repr_html_(self) -> str:
        columns = ["rank", "item", "effect", "lower", "upper", "level", "status"]
        return f"<p>{escape(repr(self))}</p>{self.overall[columns].head(10).to_html(index=False)}"

    def of(self, scope: str = "overall", who: Any = "") -> pd.DataFrame:
        """The list of one segment or user, or the overall one, best first."""
        rows = self.table[(self.table["scope"] == scope) & (self.table["who"].astype(str) == str(who))]
        return rows.sort_values("rank").reset_index(drop=True)

    @property
    def overall(self) -> pd.DataFrame:
        """The list that is the same for everybody."""
        return self.of()
