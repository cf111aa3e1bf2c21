"""The answer in one sentence, and what weakens it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from causalkit.reporting.view import LadderRow, ReportView
from causalkit.reporting.words import Units, count, joined, number, percent, plural
from causalkit.types import EXCLUDED, STATUSES, Measurement, Verdicts

__all__ = ["Card", "Caveat", "answer", "cards", "caveats", "main_rung", "status_counts", "units_of", "verdict_stands"]


@dataclass(frozen=True)
class Caveat:
    """Something the reader must weigh: `weakens` the answer, or is a `note`."""

    level: str
    text: str


@dataclass(frozen=True)
class Card:
    """A figure of the top row: what it is, the figure, and what stands below it."""

    title: str
    figure: str
    unit: str
    below: str
    tone: str = ""


def units_of(view: ReportView) -> Units:
    """How this report shows effects."""
    pooled = view.effects.pooled if view.effects is not None else None
    if pooled is not None and math.isfinite(pooled.upper - pooled.lower):
        return Units.fitting(view.per, [pooled.upper - pooled.lower])
    return Units.fitting(view.per, [row.upper - row.lower for row in view.ladder])


def main_rung(view: ReportView) -> LadderRow | None:
    """The ladder's row of the primary estimand."""
    return next((row for row in view.ladder if row.main), view.ladder[-1] if view.ladder else None)


def status_counts(view: ReportView) -> dict[str, int]:
    """How many items have each status, in order of precedence; absent ones left out."""
    if view.effects is None:
        return {}
    found = view.effects.item["status"].value_counts()
    return {status: int(found[status]) for status in STATUSES if found.get(status, 0)}


def answer(view: ReportView) -> str:
    """The answer in one sentence with its interval."""
    if view.answer:
        return view.answer
    units, estimand = units_of(view), view.estimand
    if estimand is not None and not estimand.identified:
        return f"The effect is not identified from this log: {estimand.reason or 'no reason was given'}."
    pooled = view.effects.pooled if view.effects is not None else None
    if pooled is None:
        counts = status_counts(view)
        return (
            f"Effects of {plural(sum(counts.values()), 'item')} were estimated; no average over items was asked for."
            if counts
            else "No effect was estimated in this run."
        )
    cause = view.label(estimand.treatment) if estimand else "exposure"
    effect = view.label(estimand.outcome) if estimand else "the outcome"
    base = f", on a baseline of {units.level(pooled.baseline)}" if math.isfinite(pooled.baseline) else ""
    return (
        f"Under the assumptions stated below, “{cause}” changes “{effect}” by about {units.effect(pooled.effect)} "
        f"{units.words} (95 % interval {units.interval(pooled.lower, pooled.upper)}){base}, "
        f"averaged over {count(pooled.items)} {view.items_called}."
    )


def cards(view: ReportView) -> list[Card]:
    """The row of figures at the top; what the run did not make is not shown."""
    found = [_effect_card(view), _naive_card(view), _items_card(view), _slope_card(view)]
    return [card for card in found if card is not None]


def _effect_card(view: ReportView) -> Card | None:
    pooled, units = view.effects.pooled if view.effects else None, units_of(view)
    if pooled is None:
        return None
    below = f"95 %: {units.interval(pooled.lower, pooled.upper)}"
    return Card("Adjusted estimate", units.effect(pooled.effect), units.words, below, "main")


def _naive_card(view: ReportView) -> Card | None:
    rung, units = main_rung(view), units_of(view)
    if rung is None or not math.isfinite(rung.naive):
        return None
    times = rung.naive / rung.effect if rung.effect > 0 and rung.naive > 0 else math.nan
    below = "in the same population, nothing adjusted for"
    below = f"{number(times, 1)} times the adjusted estimate, in the same population" if math.isfinite(times) else below
    return Card("Naive difference", units.effect(rung.naive), units.words, below, "naive")


def _items_card(view: ReportView) -> Card | None:
    counts = status_counts(view)
    if view.effects is None or not counts:
        return None
    told = int((view.effects.item["q"] < 0.05).sum())
    out = sum(n for status, n in counts.items() if status in EXCLUDED)
    guessed, total = counts.get("predicted", 0), sum(counts.values())
    below = f"of {count(total)} (q < .05); {count(guessed)} predicted, {count(out)} left out"
    return Card("Told apart from zero", count(told), view.items_called, below)


def _slope_card(view: ReportView) -> Card | None:
    slope = view.calibration
    if slope is None or not math.isfinite(slope.value):
        return None
    below = f"95 %: {number(slope.lower)} to {number(slope.upper)}; 1 would be claims that hold as stated"
    return Card("Claimed against held out", number(slope.value), "slope", below)


def verdict_stands(verdict: Verdicts) -> bool:
    """Whether a falsification read nothing amiss: its interval holds 0 and rejections are near 5 %."""
    off_zero = math.isfinite(verdict.lower) and not verdict.lower <= 0 <= verdict.upper
    return not off_zero and not _too_many(verdict)


def _too_many(verdict: Verdicts) -> bool:
    """More rejections at 5 % than independent tests would give (two standard errors above)."""
    n = verdict.tested
    return n > 0 and verdict.rejected > 0.05 * n + 2 * math.sqrt(0.05 * 0.95 * n) + 0.5


def caveats(view: ReportView) -> list[Caveat]:
    """What weakens the answer, and what must be said beside it, weightiest first."""
    found = [*_of_estimand(view), *_of_falsification(view), *_of_ladder(view)]
    found += [*_of_slope(view.calibration), *_of_transport(view), *_of_items(view), *_of_text(view), *_of_data(view)]
    return sorted(found, key=lambda caveat: caveat.level != "weakens")


def _of_estimand(view: ReportView) -> list[Caveat]:
    estimand = view.estimand
    if estimand is None:
        return [Caveat("weakens", "No estimand was identified: nothing here can be read as an effect.")]
    found = []
    if not estimand.identified:
        found.append(Caveat("weakens", f"Not identified: {estimand.reason or 'no reason was given'}."))
    if estimand.no_path:
        found.append(Caveat("weakens", "The trusted graph has no directed path from treatment to outcome."))
    if estimand.bundle:
        bundle = joined(view.label(b) for b in estimand.bundle)
        found.append(Caveat("note", f"The treatment is a bundle: {bundle} came with it and is part of the effect."))
    if estimand.alternatives:
        n = len(estimand.alternatives)
        found.append(
            Caveat(
                "note",
                f"The graph leaves room for {plural(n, 'other adjustment set')}; "
                "intervals are conditional on the graph.",
            )
        )
    found += [Caveat("note", text[:1].upper() + text[1:] + ".") for text in estimand.warnings]
    return found


def _of_falsification(view: ReportView) -> list[Caveat]:
    verdicts = view.verdicts_of("falsification")
    if not verdicts:
        return [Caveat("weakens", "Nothing was tried that could show confounding: no falsification ran.")]
    units = units_of(view)
    found = [
        Caveat(
            "weakens",
            f"{v.refuter} reads {units.effect(v.estimate)} {units.words} ({units.interval(v.lower, v.upper)}) "
            f"where 0 is expected; {count(v.rejected)} of {count(v.tested)} {view.items_called} read p < .05.",
        )
        for v in verdicts
        if not verdict_stands(v)
    ]
    calm = [v.refuter for v in verdicts if verdict_stands(v)]
    if calm:
        found.append(Caveat("note", f"{joined(calm)} found nothing amiss; that cannot rule confounding out."))
    return found


def _of_ladder(view: ReportView) -> list[Caveat]:
    rung = main_rung(view)
    if rung is None or not all(map(math.isfinite, (rung.lower, rung.upper, rung.naive))):
        return []
    if rung.lower <= rung.naive <= rung.upper:
        return [Caveat("weakens", "The adjusted interval includes the naive difference: adjusting changed little.")]
    return []


def _of_slope(slope: Measurement | None) -> list[Caveat]:
    if slope is None:
        return [Caveat("weakens", "Claimed effects were not compared with held-out ones.")]
    if math.isfinite(slope.lower) and slope.lower <= 0:
        return [Caveat("weakens", "Held-out effects do not follow the claimed ones: the slope's interval includes 0.")]
    if math.isfinite(slope.upper) and slope.upper < 1:
        text = f"Differences between items are claimed larger than they are held out ({_slope_of(slope)})."
        return [Caveat("weakens", text)]
    return []


def _of_transport(view: ReportView) -> list[Caveat]:
    """Whether later rows, which nothing was tuned on, follow the claims less."""
    slope = next((m for m in view.transport if m.name == "calibration-slope"), None)
    if slope is None or not math.isfinite(slope.upper) or slope.upper >= 1:
        return []
    return [Caveat("weakens", f"Later rows, never tuned on, follow the claims less ({_slope_of(slope)}).")]


def _slope_of(slope: Measurement) -> str:
    return f"slope {number(slope.value)}, {number(slope.lower)} to {number(slope.upper)}"


def _of_items(view: ReportView) -> list[Caveat]:
    counts = status_counts(view)
    total, out = sum(counts.values()), {s: n for s, n in counts.items() if s in EXCLUDED}
    found = []
    if counts.get("refuted"):
        n = counts["refuted"]
        found.append(
            Caveat("weakens", f"Marked refuted by a falsification: {count(n)} of {count(total)} {view.items_called}.")
        )
    if out:
        told = joined(f"{count(n)} {status}" for status, n in out.items())
        found.append(Caveat("note", f"Left out of the ranking: {told}, of {count(total)}."))
    if counts.get("predicted"):
        share = percent(counts["predicted"] / total)
        found.append(
            Caveat(
                "note", f"{share} of {view.items_called} have only a predicted effect: they were never seen treated."
            )
        )
    return found


def _of_text(view: ReportView) -> list[Caveat]:
    text = view.text
    if text is not None and text.with_text >= text.without_text:
        return [Caveat("note", "Item text did not lower the held-out error; effects say the same without it.")]
    return []


def _of_data(view: ReportView) -> list[Caveat]:
    found = []
    if view.dataset is not None and not view.dataset.assignment:
        found.append(Caveat("weakens", "The schema names no assignment unit: every interval assumes independent rows."))
    found.append(Caveat("note", "Effects on one item from showing another are assumed away (no interference)."))
    return found
