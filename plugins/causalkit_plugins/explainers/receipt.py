"""The receipt: a few sentences on what stands behind a recommendation, and the facts they were made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit.statistics import t_interval
from causalkit.types import Dataset, Effects, Explanation, Outputs, Ranking, Receipt, Verdicts, adjustment_columns
from causalkit_plugins.explainers._template import Claim, decimals_of, interval, number, plain, receipt_text

__all__ = ["ReceiptExplainer"]

_SEGMENT = "segment:"
WIDEST = 2.0
"""A reading of a share whose interval is wider than from -1 to 1 has read nothing."""


@component
class ReceiptExplainer:
    """Says for each recommendation what showing it causes, how sure that is, whose effect it is, and what it is not.

    Every text comes from one template. Where the outcome is yes or no, effects are told per 100 units.
    An item's name is its `label`, `title` or `name` in the items table, else its id; names all in
    capitals are told in lower case, but for codes, which hold digits.
    """

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
        """A receipt for each row of `ranking`, in its order.

        Only schema, items and users of `outputs.training` are read, never its rows.

        Raises
        ------
        DataError : there are no effects to tell of.
        """
        if outputs.effects is None:
            raise DataError("receipts tell of effects, and this run has none", "Estimate before you explain.")
        teller = _Teller(outputs, outputs.effects)
        rows = ranking.table.to_dict("records")
        groups = teller.segments(ranking.table)
        return Explanation(tuple(teller.receipt(row, group) for row, group in zip(rows, groups, strict=True)))


class _Teller:
    """Looks up the facts behind one row of a ranking."""

    def __init__(self, outputs: Outputs, effects: Effects) -> None:
        self.outputs, self.effects = outputs, effects
        data = self.data = outputs.training
        self.words = data.schema.words
        self.items = {str(i): row for i, row in zip(effects.item.index, effects.item.to_dict("records"), strict=True)}
        self.names = _names(data)
        unit, assigned = data.unit, data.schema.assignment
        self.by_period = bool(unit) and set(unit) == {data.item, data.period}
        self.personal = data.user is not None and (not assigned or data.user in assigned)
        self.unit = self.words.period if self.by_period else " × ".join(unit) + " unit" if unit else "row"
        self.yes_no = data.schema[data.outcome].kind == "binary"
        self.scale = 100.0 if self.yes_no else 1.0
        estimand = outputs.estimand
        self.adjusted = _labels(data, estimand.adjustment) if estimand else ()
        self.bundle = self.words.bundle.strip(" ,") or ", ".join(_labels(data, estimand.bundle) if estimand else ())
        self.verdicts = [v for v in outputs.verdicts if v.sort == "falsification"]
        self.alarm = "; ".join(self._alarms())
        self.readings = [{str(i): r for i, r in zip(v.item.index, v.item.to_dict("records"))} for v in self.verdicts]

    def receipt(self, row: dict[str, Any], group: str) -> Receipt:
        """The receipt of one row; `group` is the segment it reads, where it reads one."""
        own = self.items.get(str(row["item"]), {})
        status, reason = str(row["status"] or own.get("status", "")), plain(own.get("reason", "") or "")
        effect, lower, upper = (float(row[name]) for name in ("effect", "lower", "upper"))
        treated, control = (_count(own.get(name)) for name in ("treated", "control"))
        reach = _range(own)
        claim = Claim(
            item=self.names.get(str(row["item"]), plain(row["item"])),
            words=self.words,
            effect=effect * self.scale,
            lower=lower * self.scale,
            upper=upper * self.scale,
            outcome="" if self.yes_no else self.data.schema[self.data.outcome].label,
            level=str(row["level"]),
            group=plain(group),
            status=status,
            reason=reason.rstrip("."),
            treated=treated,
            unit=self.unit,
            by_period=self.by_period,
            personal=self.personal,
            placebo=self.placebo(str(row["item"])),
            graph=self.outputs.graph is not None,
            alarm=self.alarm,
            reach=(reach[0] * self.scale, reach[1] * self.scale) if reach else None,
        )
        return Receipt(
            scope=str(row["scope"]),
            who=str(row["who"]),
            item=str(row["item"]),
            text=receipt_text(claim),
            effect=effect,
            lower=lower,
            upper=upper,
            of=str(row["level"]) + (f": {claim.group}" if claim.group else ""),
            status=status,
            bundle=self.bundle,
            treated_units=treated,
            control_units=control,
            adjusted_for=self.adjusted,
            falsification=self.falsification(str(row["item"])),
            graph_range=reach,
        )

    def placebo(self, item: str) -> str:
        """The first falsification's reading of the item, else its pooled one; empty where there is none."""
        for verdict, readings in zip(self.verdicts, self.readings, strict=True):
            told = self._reading(readings.get(item))
            if told:
                return f"{told} ({_spoken(verdict)})"
        for verdict in self.verdicts:
            told = self._pooled(verdict)
            if told:
                return f"{told} over all items ({_spoken(verdict)}; not tried for this one)"
        return ""

    def falsification(self, item: str) -> str:
        """What each falsification read of the item, or that it was not tried."""
        told = [
            f"{_spoken(verdict)}: {self._reading(readings.get(item)) or 'not tried for this item'}"
            for verdict, readings in zip(self.verdicts, self.readings, strict=True)
        ]
        return "; ".join(told) or "none was tried"

    def _alarms(self) -> Iterator[str]:
        """Falsifications whose pooled interval leaves out 0."""
        for verdict in self.verdicts:
            told = self._pooled(verdict)
            if told and not verdict.lower <= 0 <= verdict.upper:
                yield f"{_spoken(verdict)} reads {told}"

    def _reading(self, found: dict[str, Any] | None) -> str:
        if not found:
            return ""
        estimate, stderr = float(found.get("estimate", np.nan)), float(found.get("stderr", np.nan))
        df = float(found.get("df", np.inf))
        return self._shown(estimate, *t_interval(estimate, stderr, df if df >= 1 else np.inf))

    def _pooled(self, verdict: Verdicts) -> str:
        return self._shown(verdict.estimate, verdict.lower, verdict.upper)

    def _shown(self, estimate: float, lower: float, upper: float) -> str:
        """`0.1 of 100, 95 % −0.3 to 0.5`; empty where any of it is unknown, or nothing was read."""
        values = np.array([estimate, lower, upper]) * self.scale
        if not np.isfinite(values).all() or (self.yes_no and upper - lower > WIDEST):
            return ""
        decimals = decimals_of(values[1], values[2])
        per = " of 100" if self.yes_no else ""
        return f"{number(values[0], decimals)}{per}, 95 % {interval(values[1], values[2], decimals=decimals)}"

    def segments(self, table: pd.DataFrame) -> list[str]:
        """What each row's effect is of: the segment's or the user's name; empty for an item's."""
        of_user = {str(u): str(s) for u, s in self.effects.segments.of_user.items()}
        of_pair = self._overrides(table)
        found = []
        for scope, who, item, level in table[["scope", "who", "item", "level"]].astype(str).itertuples(index=False):
            if level == "pair":
                found.append(f"{self.data.user or 'user'} {who}")
            elif level == "segment":
                own = who.removeprefix(_SEGMENT) if scope == "segment" else of_user.get(who, "")
                found.append(of_pair.get((who, item), own))
            else:
                found.append("")
        return found

    def _overrides(self, table: pd.DataFrame) -> dict[tuple[str, str], str]:
        pairs = self.effects.segments.of_pair
        if pairs.empty or not (table["level"] == "segment").any():
            return {}
        users = pairs["user"].astype(str).isin(set(table["who"].astype(str)))
        kept = pairs[users & pairs["item"].astype(str).isin(set(table["item"].astype(str)))]
        keys = zip(kept["user"].astype(str), kept["item"].astype(str), strict=True)
        return dict(zip(keys, kept["segment"].astype(str), strict=True))


def _names(data: Dataset) -> dict[str, str]:
    """What each item is called in a sentence."""
    names = {str(item): plain(label) for item, label in data.item_labels().items()}
    return {item: name.lower() if name.isupper() and not _is_code(name) else name for item, name in names.items()}


def _is_code(name: str) -> bool:
    return any(c.isdigit() for c in name)


def _labels(data: Dataset, names: tuple[str, ...]) -> tuple[str, ...]:
    """What columns are called, a derived column's parts once."""
    home = {part: column.label for column in data.schema.columns for part in adjustment_columns(column)}
    return tuple(dict.fromkeys(home.get(name, name) for name in names))


def _spoken(verdict: Verdicts) -> str:
    return verdict.refuter.replace("-", " ")


def _count(value: Any) -> int:
    return int(value) if value is not None and np.isfinite(value) else 0


def _range(own: dict[str, Any]) -> tuple[float, float] | None:
    low, high = float(own.get("graph_lower", np.nan)), float(own.get("graph_upper", np.nan))
    return (low, high) if np.isfinite([low, high]).all() else None
