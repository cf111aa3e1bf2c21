"""Whether the intervals of metrics over users are as wide as users differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.testing.checks._small_run import SmallRun
from causalkit.testing.checks.metric import close, measure_of, measured
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Measurement, Scores, Table

_DRAWS = 16


@check("metric")
def intervals_narrow_with_more_users(subject: Subject) -> None:
    """With four users in the place of each, who do as that one did, an interval over users is half as wide."""
    _, found, many = _over_users(subject)
    times = _width(many) / _width(found)
    assert 0.3 < times < 0.75, (
        f"with four times as many users, its interval is {times:.2f} times as wide, where one half is right: "
        "it is of the mean, so the spread over users is divided by the root of how many there are"
    )


@check("metric")
def intervals_are_as_wide_as_users_differ(subject: Subject) -> None:
    """An interval over users is about as wide as the values of samples of users are spread (a bootstrap)."""
    run, found, _ = _over_users(subject)
    rng, users = np.random.default_rng(8), list(run.test.users.index)
    values = [
        _of_users(subject, run, list(rng.choice(np.array(users, object), len(users)))).value for _ in range(_DRAWS)
    ]
    times = _width(found) / (2 * 1.96 * float(np.nanstd(values, ddof=1)))
    assert 0.5 < times < 2, (
        f"its interval is {times:.2f} times as wide as values of samples of users are spread: count each user once, "
        "with all of a user's rows together"
    )


def _over_users(subject: Subject) -> tuple[SmallRun, Measurement, Measurement]:
    """The run, its value, and that of four times the users; a metric of something else is left in peace."""
    run, found = measured(subject)
    if not _width(found) > 0:
        raise NotApplicable("it gives no interval, or one of no width")
    many = _of_users(subject, run, list(run.test.users.index) * 4)
    if not 3.5 * found.n <= many.n <= 4.5 * found.n or not close(many.value, found.value):
        raise NotApplicable("what it counts are not users")
    return run, found, many


def _width(found: Measurement) -> float:
    return float(found.upper) - float(found.lower)


def _of_users(subject: Subject, run: SmallRun, users: Sequence[Any]) -> Measurement:
    """The value where the held-out rows are those of `users`, each time under another name."""
    rows, about, scores = run.test.interactions.frame(), run.test.users, run.outputs.scores
    names = [f"{user}~{k}" for k, user in enumerate(users)]
    chosen = pd.DataFrame({"user": np.asarray(users, object), "name": names})
    copies = (
        chosen.merge(rows.astype({"user": object}), on="user").drop(columns="user").rename(columns={"name": "user"})
    )
    copies["user"] = pd.Categorical(copies["user"], names)
    test = replace(run.test, interactions=Table(copies), users=about.loc[list(users)].set_axis(names))
    return measure_of(subject, SmallRun(run.outputs, test, run.truth), scores=scores and _as_the_first(scores))


def _as_the_first(scores: Callable[..., Scores]) -> Callable[..., Scores]:
    """Scores of a copy of a user are the user's."""
    return lambda users, items: replace(scores([str(user).split("~")[0] for user in users], items), users=users)
