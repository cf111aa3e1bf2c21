"""Components that pass, and that fail, the checks in `causalkit.testing.checks.explainer`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from causalkit_plugins.explainers.receipt import ReceiptExplainer

from causalkit.components import Context, component
from causalkit.types import EXCLUDED, Explanation, Outputs, Ranking, Receipt
from tests.testing.mutants import Make


@component
class Terse:
    """A line for each recommendation, and its facts."""

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
        names = outputs.training.item_labels()
        units = None if outputs.effects is None else outputs.effects.item[["treated", "control"]]
        rows = context.track(ranking.table.to_dict("records"), "receipts")
        return Explanation(tuple(self._receipt(row, str(names[row["item"]]), units) for row in rows))

    def _receipt(self, row: dict[str, Any], name: str, units: Any) -> Receipt:
        short = "".join(c for c in name[:80] if c.isprintable())
        told = f"estimated {row['effect']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}), {row['status']}"
        unread = row["status"] in EXCLUDED
        treated, control = (0, 0) if units is None else units.loc[row["item"]].astype(int)
        return Receipt(
            scope=str(row["scope"]),
            who=str(row["who"]),
            item=str(row["item"]),
            text=f"{short}: nothing can be read, {row['status']}" if unread else f"{short}: {told}",
            effect=float(row["effect"]),
            lower=float(row["lower"]),
            upper=float(row["upper"]),
            of=str(row["level"]),
            status=str(row["status"]),
            bundle="",
            treated_units=int(treated),
            control_units=int(control),
            adjusted_for=(),
            falsification="",
        )


HEALTHY: list[Make] = [lambda _: ReceiptExplainer(), lambda _: Terse()]


def _each(change: Callable[[Receipt, Outputs], Receipt]) -> Make:
    """Receipts, and something done to each."""

    @component
    class Mutant(ReceiptExplainer):
        def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
            found = super().explain(ranking, outputs, context=context)
            return Explanation(tuple(change(told, outputs) for told in found))

    return lambda _: Mutant()


def _all(do: Callable[[Any, Ranking, Outputs], Explanation]) -> Make:
    """Receipts of what is given, or of something else."""

    @component
    class Mutant(ReceiptExplainer):
        def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
            return do(super().explain, ranking, outputs)

    return lambda _: Mutant()


def _text(change: Callable[[Receipt], str]) -> Make:
    return _each(lambda told, _: replace(told, text=change(told)))


def _name(told: Receipt, outputs: Outputs) -> str:
    return str(outputs.training.item_labels()[told.item])


def _spoil(explain: Any, ranking: Ranking, outputs: Outputs) -> Explanation:
    ranking.table["score"] = ranking.table["score"].round(1)
    return explain(ranking, outputs)


def _sure(explain: Any, ranking: Ranking, outputs: Outputs) -> Explanation:
    """Takes what is predicted or refuted for estimated."""
    item = outputs.effects.item.assign(status="estimated", reason="")
    changed = replace(outputs, effects=replace(outputs.effects, item=item))
    told = explain(replace(ranking, table=ranking.table.assign(status="estimated")), changed)
    statuses = ranking.table["status"]
    return Explanation(tuple(replace(r, status=s) for r, s in zip(told, statuses, strict=True)))


@component
class Chatty(ReceiptExplainer):
    """Says another thing each time."""

    def explain(self, ranking: Ranking, outputs: Outputs, *, context: Context = Context()) -> Explanation:
        self.told = getattr(self, "told", 0) + 1
        found = super().explain(ranking, outputs, context=context)
        return Explanation(tuple(replace(r, text=f"{r.text} Told {self.told} times.") for r in found))


def _needs_a_graph(explain: Any, ranking: Ranking, outputs: Outputs) -> Explanation:
    assert len(outputs.graph.nodes)
    return explain(ranking, outputs)


def _first(explain: Any, ranking: Ranking, outputs: Outputs) -> Explanation:
    found = explain(ranking, outputs)
    return found if len(ranking.table) else Explanation((explain(outputs.ranking, outputs).receipts[0],))


MUTANTS: dict[str, Make] = {
    "explainer/a-receipt-for-each-recommendation": _all(
        lambda explain, ranking, outputs: Explanation(explain(ranking, outputs).receipts[::-1])
    ),
    "explainer/facts-are-the-rankings": _each(
        lambda told, _: replace(told, effect=told.effect * 100, lower=told.lower * 100, upper=told.upper * 100)
    ),
    "explainer/units-are-the-effects": _each(lambda told, _: replace(told, control_units=told.treated_units)),
    "explainer/texts-are-fit-to-be-read": _text(lambda told: f"{told.text} Over graphs it runs nan to nan."),
    "explainer/texts-name-their-item": _text(lambda told: f"Estimated: {told.text[40:]}"),
    "explainer/texts-prove-nothing": _text(lambda told: f"{told.text} This is proven."),
    "explainer/texts-tell-the-effect-and-its-interval": _each(
        lambda told, out: replace(told, text=f"{_name(told, out)} is {told.status}."[-90:])
    ),
    "explainer/texts-tell-what-is-doubtful": _all(_sure),
    "explainer/effects-that-are-not-there-are-stood": _each(
        lambda told, _: replace(told, text=f"{told.text} ({told.effect:+.2f})")
    ),
    "explainer/titles-are-data": _each(lambda told, out: replace(told, text=f"{_name(told, out)}: {told.text}")),
    "explainer/leaves-the-outputs-alone": _all(_spoil),
    "explainer/repeats-under-one-seed": lambda _: Chatty(),
    "explainer/stands-a-bare-run": _all(_needs_a_graph),
    "explainer/an-empty-ranking-has-no-receipts": _all(_first),
}
