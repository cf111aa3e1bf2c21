"""One plain sentence for each recommendation."""

from __future__ import annotations

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit.types import Explanation, Outputs, Ranking, Receipt


@component
class PlainSentence:
    """Says what showing an item is estimated to cause, between which limits, and from how many units."""

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
        """A receipt for each row of `ranking`, in its order. Raises `DataError` where there are no effects."""
        if outputs.effects is None:
            raise DataError("these sentences tell of effects, and this run has none", "Add `estimate:` to the config.")
        training, effects = outputs.training, outputs.effects
        names, outcome = training.item_labels(), training.schema[training.outcome].label
        adjusted = outputs.estimand.adjustment if outputs.estimand else ()
        receipts = []
        for row in ranking.table.itertuples():
            treated, control = (int(n) for n in effects.item.loc[row.item, ["treated", "control"]].fillna(0))
            text = (
                f"Showing {names[row.item]} is estimated to change {outcome!r} by {row.effect:+.4f} "
                f"(95 % {row.lower:+.4f} to {row.upper:+.4f}), from {treated} exposed and {control} unexposed units."
            )
            claim = (row.scope, row.who, row.item, text, row.effect, row.lower, row.upper, row.level, row.status)
            receipts.append(Receipt(*claim, "", treated, control, adjusted, ""))
        return Explanation(tuple(receipts))
