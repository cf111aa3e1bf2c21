"""What an estimator must do in planted worlds: be right where it claims to be, and say so elsewhere.

It claims every world in which all that it names in `assumes` holds (decision 8).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalkit.assumptions import ASSUMPTIONS, assumed_by
from causalkit.errors import ComponentError
from causalkit.testing.checks._answers import (
    CLEARLY,
    SEEDS,
    Answer,
    answer,
    answers,
    assumptions_of,
    bias,
    claimed,
    held,
    is_wrong,
    sentences,
    too_few,
    unclaimed,
)
from causalkit.testing.kit import NotApplicable, Subject, Unverified, check
from causalkit.testing.worlds import EFFECT_WORLDS, effect_world
from causalkit.types import EXCLUDED

_FAR = 6.0
"""A single item this many errors off is wrong, errors of few units taken into account."""
WIDEST = 3.0
"""Intervals may be this many times as wide as those of least squares that is told what is hidden."""


@check("estimator")
def says_what_it_assumes(subject: Subject) -> None:
    """`assumes` names what its answers rest on, in words of the closed list."""
    try:
        told = assumed_by(subject.example)
    except (ComponentError, TypeError) as error:
        raise AssertionError(f"`assumes` is a set of names out of {', '.join(ASSUMPTIONS)}: {error}") from None
    if told is None:
        raise Unverified(
            "it does not say what it rests on; add `assumes: ClassVar[frozenset[str]] = frozenset({…})`, "
            f"such as: {sentences(_of_effects())}"
        )
    claimed(subject)


@check("estimator")
def answers_a_log_or_refuses_it(subject: Subject) -> None:
    """A log that it cannot read is refused with a causalkit error; items that cannot be read stay NaN."""
    for name in EFFECT_WORLDS:
        broke = answer(subject, name).broke
        assert not broke, (
            f"in the world {_named(name)} fit raised {broke}; raise causalkit.errors.DataError for a log that can't "
            "be used, and leave an item that can't be read NaN with a reason"
        )


@check("estimator")
def answers_where_it_claims(subject: Subject) -> None:
    """Where its assumptions hold it gives effects: of at least four items, or of half."""
    for found in answers(subject, claimed(subject)):
        readable = found.items[found.items["readable"]]
        given = int(readable["answered"].sum())
        assert given >= min(4, len(readable) / 2), (
            f"it gives effects of {given} of {len(readable)} items that can be read in the world "
            f"{_named(found.world.name)}, where all that it assumes holds"
        )


@check("estimator")
def right_where_it_claims(subject: Subject) -> None:
    """Where its assumptions hold, its effects are the planted ones but for noise."""
    for name in claimed(subject):
        found = list(answers(subject, [name]))
        for tables in _readings(subject, found):
            assert not tables or not is_wrong(tables), _wrong(name, tables)


@check("estimator")
def intervals_cover(subject: Subject) -> None:
    """Where its assumptions hold, 95 % intervals hold the planted effects, but for noise."""
    hits = of = 0
    for name in claimed(subject):
        counts = [held(_read(found)) for found in answers(subject, [name])]
        inside, seen = (sum(part) for part in zip(*counts, strict=True)) if counts else (0, 0)
        hits, of = hits + inside, of + seen
        assert not too_few(inside, seen), (
            f"95 % intervals hold {inside} of {seen} planted effects in the world {_named(name)}, where all that "
            "it assumes holds: its errors are too small, or it rests on more than `assumes` says"
        )
    assert not too_few(hits, of), (
        f"95 % intervals hold {hits} of {of} planted effects over the worlds that it claims: its errors are too small"
    )


@check("estimator")
def intervals_are_no_wider_than_needed(subject: Subject) -> None:
    """Where its assumptions hold, intervals are on average at most three times as wide as those of least squares."""
    times = {}
    for name in claimed(subject):
        tables = [_read(found) for found in answers(subject, [name])]
        if any(len(table) for table in tables):
            table = pd.concat(tables)
            times[name] = float((table["upper"] - table["lower"]).mean() / (2 * 1.96 * table["noise"].mean()))
    mean, widest = np.mean(list(times.values())), max(times, key=lambda name: times[name])
    assert mean <= WIDEST, (
        f"over the worlds that it claims, 95 % intervals are {mean:.1f} times as wide as those of least squares that "
        f"is told what is hidden; at most {WIDEST:g} times. Widest ({times[widest]:.1f} times): {_named(widest)}"
    )


@check("estimator")
def pooled_lies_among_items(subject: Subject) -> None:
    """Where its assumptions hold, the pooled effect is an average of items' planted effects, but for noise."""
    pooled = [(found, found.effects.pooled) for found in answers(subject, claimed(subject)) if found.effects]
    if not any(one for _, one in pooled):
        raise NotApplicable("it gives no pooled effect")
    for found, one in pooled:
        if one is not None:
            planted, reach = found.world.effect, CLEARLY * one.stderr
            assert planted.min() - reach <= one.effect <= planted.max() + reach, (
                f"the pooled effect is {one.effect:.3g} (stderr {one.stderr:.2g}) in the world "
                f"{_named(found.world.name)}; no item's effect is above {planted.max():.3g} or below "
                f"{planted.min():.3g}, so no average of them is: adjust it as items are, or leave it out"
            )


@check("estimator")
def what_rows_cannot_show_is_stated(subject: Subject) -> None:
    """Where something fails that rows can't show, the effects say in words what they rest on."""
    looked = False
    for name, missing in unclaimed(subject).items():
        unseen = frozenset(one for one in missing if not ASSUMPTIONS[one].testable)
        for found in answers(subject, [name]) if unseen else ():
            looked = True
            assert found.effects is not None
            assert any(str(said).strip() for said in found.effects.assumptions), (
                f"in the world {_named(name)} what it assumes does not hold: {sentences(unseen)}. Rows cannot show "
                "it, so effects_.assumptions must say it in words: receipts print them beside the effect"
            )
    if not looked:
        raise NotApplicable("it rests on nothing that rows cannot show, or refuses the logs where that fails")


@check("estimator")
def what_rows_show_is_marked(subject: Subject) -> None:
    """Where only what rows can show fails, items that are wrong for it are marked or left out."""
    names = [name for name, missing in unclaimed(subject).items() if all(ASSUMPTIONS[one].testable for one in missing)]
    found = list(answers(subject, names))
    if not found:
        raise NotApplicable("wherever what it assumes fails, something fails that rows cannot show; or it refuses them")
    for name in names:
        said = pd.concat([one.items for one in answers(subject, [name])] or [pd.DataFrame()])
        bare = said[said["answered"] & ~said["marked"]] if len(said) else said
        for which, table in bare.groupby("readable") if len(bare) else ():
            off = (table["effect"] - table["truth"]).abs() / np.fmax(table["stderr"], table["noise"])
            assert off.max() < _FAR and not is_wrong([table]), (
                f"in the world {_named(name)} items such as {off.idxmax()!r}, which {'can' if which else 'cannot'} be "
                f"read, are up to {off.max():.1f} errors off and nothing marks them: leave such an item NaN, or say "
                "in effects_.item['reason'] what is amiss"
            )


@check("estimator")
def no_overlap_is_withheld(subject: Subject) -> None:
    """An item of which all rows are exposed, or none, has no raw effect and is not `estimated`."""
    _has_no_raw(subject, "no-overlap", slice(0, 3), "all or none of its rows are exposed")


@check("estimator")
def never_exposed_items_have_no_raw_effect(subject: Subject) -> None:
    """An item that was never exposed has no raw effect; what it is given is marked as predicted."""
    from causalkit.testing.worlds._text_logs import COLD

    _has_no_raw(subject, "cold-items", slice(-COLD, None), "none of its rows is exposed")


@check("estimator")
def too_few_units_are_marked(subject: Subject) -> None:
    """An item exposed in three assignment units or fewer is marked, however many rows those have."""
    from causalkit.testing.worlds._panel_logs import FEW

    for found in _answered(subject, "few-units"):
        few = found.items.iloc[:FEW]
        bare = few[few["answered"] & ~few["marked"]]
        assert bare.empty, (
            f"{bare.index[0]!r} is exposed in {FEW} weeks at most, weeks are the assignment units "
            f"(schema.assignment), and nothing marks it; `treated` says {bare['treated'].iloc[0]:g}: count "
            "assignment units there, not rows"
        )


@check("estimator")
def predicted_effects_lie_in_their_intervals(subject: Subject) -> None:
    """Intervals of items that were never exposed hold their planted effects, but for noise."""
    missing = assumptions_of(subject) - effect_world("cold-items").holds
    if not all(ASSUMPTIONS[one].testable for one in missing):
        raise NotApplicable(f"cold items are drawn where this does not hold: {sentences(missing)}")
    tables = [found.items[~found.items["readable"]] for found in _answered(subject, "cold-items")]
    hits, of = (sum(part) for part in zip(*(held(table) for table in tables), strict=True))
    if not of:
        raise NotApplicable("it predicts no effect of items that were never exposed")
    assert not too_few(hits, of), (
        f"95 % intervals of items that were never exposed hold {hits} of {of} planted effects: widen them by what "
        "the prediction leaves open"
    )


@check("estimator")
def text_that_says_nothing_does_no_harm(subject: Subject) -> None:
    """With vectors that have nothing to do with effects, errors are not clearly larger than without."""
    pairs = [_told_and_blind(subject, "text-does-not", seed) for seed in SEEDS]
    if all(told.equals(blind) for told, blind in (*pairs, _told_and_blind(subject, "text-matters", 0))):
        raise NotApplicable("vectors change nothing in what it says")
    lost = pd.concat([told.abs() - blind.abs() for told, blind in pairs]).dropna()
    mean, noise_of_mean = lost.mean(), lost.std() / np.sqrt(len(lost))
    assert mean <= max(3 * noise_of_mean, 0.1), (
        f"with vectors that tell nothing, errors grow by {mean:.2f} ± {noise_of_mean:.2f} (in standard errors of least "
        "squares): let what it gains on items left out decide how far vectors are trusted"
    )


def _of_effects() -> frozenset[str]:
    """Assumptions that some world of effects keeps."""
    return frozenset(one for name in EFFECT_WORLDS for one in effect_world(name).holds)


def _named(name: str) -> str:
    return f"{name!r} ({effect_world(name).summary})"


def _read(found: Answer) -> pd.DataFrame:
    """Items that can be read and were."""
    return found.items[found.items["readable"] & found.items["answered"]]


def _readings(subject: Subject, found: list[Answer]) -> list[list[pd.DataFrame]]:
    """The items as the item table says; and as users are told, where it fills segments or pairs."""
    tables = [[_read(one) for one in found]]
    if getattr(subject.example, "level", "item") != "item":
        users = [one for one in found if one.world.dataset.user is not None]
        tables.append([one.personal.loc[_read(one).index] for one in users])
    return tables


def _wrong(name: str, tables: list[pd.DataFrame]) -> str:
    error, noise = bias(tables)
    planted = pd.concat(tables)["truth"].mean()
    lacking = _of_effects() - effect_world(name).holds
    return (
        f"in the world {_named(name)} effects are off by {error:+.3g} on average, {abs(error) / noise:.0f} times the "
        f"noise (planted: {planted:.3g}), and nothing says so. Adjust for what the estimand names, or name in "
        f"`assumes` what it rests on; of these, none holds there: {', '.join(sorted(lacking))}"
    )


def _told_and_blind(subject: Subject, name: str, seed: int) -> tuple[pd.Series[float], pd.Series[float]]:
    """Errors of the items, in those of the reference, with vectors and without."""
    errors = []
    for blind in (False, True):
        table = answer(subject, name, seed, blind=blind)
        if table.effects is None:
            raise NotApplicable("it refuses this log, with vectors or without")
        errors.append((table.items["effect"] - table.items["truth"]) / table.items["noise"])
    return errors[0], errors[1]


def _answered(subject: Subject, name: str) -> list[Answer]:
    found = list(answers(subject, [name]))
    if not found:
        said = answer(subject, name)
        raise NotApplicable(f"it gives no effects of this log: {said.refused or said.broke}")
    return found


def _has_no_raw(subject: Subject, name: str, which: slice, why: str) -> None:
    for found in _answered(subject, name):
        table = found.items.iloc[which]
        given = table[table["raw"].notna()]
        assert given.empty, (
            f"{given.index[0]!r} has a raw effect of {given['raw'].iloc[0]:.3g}, though {why}: leave `raw` and "
            "`raw_stderr` NaN with a reason; a predicted effect may stand in `effect`"
        )
        bare = table[~table["status"].isin(EXCLUDED | {"predicted"})]
        assert bare.empty, f"{bare.index[0]!r} is {bare['status'].iloc[0]!r}, though {why}; `treated` must be 0"
