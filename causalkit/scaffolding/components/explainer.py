"""One plain sentence for each recommendation."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any

from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit.types import Explanation, Outputs, Ranking, Receipt


@component
class PlainSentence:
    """Says what showing an item is estimated to cause, and from how many units."""

    longest: Annotated[int, Field(ge=1)] = 80
    "How many letters of an item's name are told."

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
        """A receipt for each row of `ranking`, in its order. Raises `DataError` where there are no effects."""
        if outputs.effects is None:
            raise DataError("these sentences tell of effects, and this run has none", "Add `estimate:` to the config.")
        training, receipts = outputs.training, []
        units = outputs.effects.item[["treated", "control"]].fillna(0).astype(int)
        adjusted = outputs.estimand.adjustment if outputs.estimand else ()
        names, outcome = training.item_labels(), training.schema[training.outcome].label
        for row in ranking.table.itertuples():
            treated, control = units.loc[row.item].tolist()
            name = "".join(filter(str.isprintable, names[row.item]))[: self.longest]
            text = self._sentence(row, name, outcome)
            text += f" It rests on {treated} exposed and {control} unexposed units."
            claim = (row.scope, row.who, row.item, text, row.effect, row.lower, row.upper, row.level, row.status)
            receipts.append(Receipt(*claim, "", treated, control, adjusted, ""))
        return Explanation(tuple(receipts))

    def _sentence(self, row: Any, name: str, outcome: str) -> str:
        if not isfinite(row.effect):
            return f"What showing {name} causes is not known ({row.status})."
        limits = f"(95 % {row.lower:+.4f} to {row.upper:+.4f}; {row.status})"
        return f"Showing {name} is estimated to change {outcome!r} by {row.effect:+.4f} {limits}."
