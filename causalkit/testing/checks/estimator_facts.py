"""Whether the facts beside an effect are right: raw errors, baseline, units, and items that have no rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from causalkit.statistics import two_sided_p
from causalkit.testing.checks._answers import UNLIKELY, answer, answers, claimed
from causalkit.testing.checks._comparing import difference, disagreement
from causalkit.testing.checks._logs import COMPARABLE, Case, log
from causalkit.testing.checks.estimator import fitted, refused
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Effects

_SLACK = 0.9
"""Raw errors may be this share of what they should be."""
_STRANGERS = 300
"""Items without rows: more than a byte counts."""


@check("estimator")
def raw_errors_are_large_enough(subject: Subject) -> None:
    """Where its assumptions hold, raw effects are no further from the planted ones than `raw_stderr` says, over all."""
    squares: list[float] = []
    for found in answers(subject, claimed(subject)):
        assert found.effects is not None
        table = found.items[found.items["readable"] & found.items["raw"].notna()]
        said = found.effects.item.loc[table.index]
        df = np.fmax(np.fmin(said["treated"], said["control"]).to_numpy(float) - 1, 1)
        squares += _squares_of_z(table["raw"] - table["truth"], said["raw_stderr"], df)
    if not squares:
        raise NotApplicable("it gives no raw effects where it claims")
    from scipy.special import chdtrc

    mean = float(np.mean(squares))
    assert chdtrc(len(squares), _SLACK**2 * sum(squares)) >= UNLIKELY, (
        f"over the worlds that it claims, errors of {len(squares)} raw effects are {np.sqrt(mean):.1f} times what "
        "`raw_stderr` says, as root mean square: it is too small, and so are p-values. Count both arms, and sum what "
        "rows of one assignment unit contribute before squaring"
    )


def _squares_of_z(error: pd.Series[float], stderr: pd.Series[float], df: np.ndarray) -> list[float]:
    """Squares of the normal deviates that are as improbable as the errors are under Student's t."""
    from scipy.special import ndtri

    p = two_sided_p(error, stderr, df)
    return [float(z) ** 2 for z in ndtri(np.fmax(p, 1e-300) / 2)]


@check("estimator")
def baseline_is_of_the_unexposed(subject: Subject) -> None:
    """`baseline` is the outcome where unexposed: where a coin decides, that of unexposed rows but for noise."""
    found = answer(subject, "randomised")
    if found.effects is None:
        raise NotApplicable(f"it gives no effects where a coin decides exposure: {found.refused or found.broke}")
    data, planted = found.world.dataset, found.world.effect
    rows = data.interactions.frame([data.item, data.treatment, data.outcome])
    unexposed = rows[rows[data.treatment] == 0].groupby(data.item, observed=True)[data.outcome].mean()
    off = (found.effects.item["baseline"] - unexposed).dropna()
    if off.empty:
        raise NotApplicable("it gives no baseline")
    assert abs(off.mean()) < planted.mean() / 2, (
        f"where a coin decides exposure, baselines are off by {off.mean():+.3g} on average (effects are "
        f"{planted.mean():.3g}): give the mean outcome without exposure; E-values are made of it"
    )


@check("estimator")
def effective_units_are_no_more_than_units(subject: Subject) -> None:
    """`ess`, the effective number of assignment units, is NaN, or from 0 to `treated` + `control`."""
    table = fitted(subject, log()).item
    ess, units = table["ess"].to_numpy(float), table["treated"].to_numpy(float) + table["control"].to_numpy(float)
    odd = table.index[(ess < 0) | (ess > units * (1 + 1e-9))]
    assert odd.empty, (
        f"ess of {odd[0]!r} is {table.loc[odd[0], 'ess']:.4g}, and it has {units[table.index.get_loc(odd[0])]:g} "
        "assignment units; count units and not rows, or leave it NaN"
    )


@check("estimator")
def an_items_units_are_its_own(subject: Subject) -> None:
    """Where assignment is by week alone, an item's units are its weeks, as where it is by item and week."""
    case = log()
    schema = replace(case.dataset.schema, assignment=("week",))
    weekly = replace(
        case, dataset=replace(case.dataset, schema=schema), estimand=replace(case.estimand, unit=schema.assignment)
    )
    effects = refused(subject, weekly)
    assert effects is not None, "a log whose assignment unit is the week is refused"
    found = disagreement(fitted(subject, case), effects)
    assert not found, (
        f"with the assignment unit ('week',) in place of ('item', 'week'), {found}; cluster an item's errors by "
        "dataset.unit_within_item within the item"
    )


@check("estimator")
def items_without_rows_change_nothing(subject: Subject) -> None:
    """With 300 more items in the items table, of which the log has no row, the others keep their effects."""
    alone, among = (_of_comparable(fitted(subject, case)) for case in (log(), _with_strangers(log())))
    found = difference(alone, among, 1e-6)
    assert not found, (
        f"with {_STRANGERS} more items that have no rows, {found}; an item's code is its place in dataset.items.index "
        "(causalkit.estimation.codes_of), in an integer that can hold it, and never its category's"
    )


def _with_strangers(case: Case) -> Case:
    """The case with more items, before its own, in the items table alone."""
    names = pd.Index([f"a-stranger-{k:03d}" for k in range(_STRANGERS)])
    more = pd.DataFrame({"title": [f"stranger number {k}" for k in range(_STRANGERS)]}, index=names)
    return replace(case, dataset=replace(case.dataset, items=pd.concat([more, case.dataset.items])))


def _of_comparable(effects: Effects) -> Effects:
    of_pair = effects.pair[effects.pair["item"].isin(COMPARABLE)]
    of_segment = effects.segment[effects.segment["item"].isin(COMPARABLE)]
    return replace(effects, item=effects.item.loc[list(COMPARABLE)], segment=of_segment, pair=of_pair)
