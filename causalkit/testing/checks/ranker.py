"""What a ranker must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.errors import CausalkitError
from causalkit.testing.checks._calls import answer_or_refusal, left_alone
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.checks._small_run import NEVER, SEGMENTS, SmallRun, small_run
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import EXCLUDED, Dataset, EffectFactors, Effects, Scores, Table

Floats = npt.NDArray[np.float64]
EVERYBODY = ""
"""The user whom the frame asks for where a list is for everybody."""


def fitted_to(subject: Subject, run: SmallRun, effects: Effects | None, data: Dataset) -> Any:
    """A fresh copy fitted to a run, of which effects and rows may be others."""
    made = run.outputs
    return subject.fresh().fit(data, effects or made.effects, made.embeddings, context=Context())


def _fitted(subject: Subject, run: SmallRun, effects: Effects | None = None, context: Context = Context()) -> Any:
    ranker, made = subject.fresh(), run.outputs
    return ranker.fit(made.training, effects or made.effects, made.embeddings, context=context)


def values_of(ranker: Any, users: list[Any], items: list[Any]) -> Floats:
    """Its scores `[users, items]`, once they have been found to be `Scores`."""
    found = ranker.scores(users, items, context=Context())
    assert isinstance(found, Scores), f"`scores` gave a {type(found).__name__}; give Scores(users, items, values)"
    return np.asarray(found.values)


@check("ranker")
def fit_returns_itself(subject: Subject) -> None:
    """`fit` gives back the ranker itself."""
    ranker, made = subject.fresh(), small_run().outputs
    back = ranker.fit(made.training, made.effects, made.embeddings)
    assert back is ranker, f"`fit` gave {type(back).__name__}; end it with `return self`"


@check("ranker")
def scores_are_users_by_items(subject: Subject) -> None:
    """`scores` gives floats `[users, items]`, with users and items as asked, and something to recommend."""
    run = small_run()
    ranker, users, items = _fitted(subject, run), run.users[:7], run.items
    found = ranker.scores(users, items)
    values = values_of(ranker, users, items)
    assert values.shape == (7, len(items)), f"values have shape {values.shape} for 7 users × {len(items)} items"
    assert np.issubdtype(values.dtype, np.floating), f"values are {values.dtype}; give floats, NaN for what is left out"
    assert list(found.users) == users and list(found.items) == items, "users or items are not those asked, in order"
    assert not np.isinf(values).any(), "a score is infinite; NaN means 'do not recommend'"
    assert np.isfinite(values).any(), "every score is NaN, so that nothing is ever recommended"


@check("ranker")
def a_score_is_the_pairs_own(subject: Subject) -> None:
    """A pair's score does not depend on who and what is scored with it, nor in which order."""
    run = small_run()
    ranker, users, items = _fitted(subject, run), run.users, run.items
    whole = values_of(ranker, users, items)
    same_scores(values_of(ranker, users[5:9], items), whole[5:9], "asked for four users alone")
    same_scores(values_of(ranker, users[::-1], items[::-1]), whole[::-1, ::-1], "asked in reverse order")
    same_scores(values_of(ranker, users, items[3:4]), whole[:, 3:4], "asked for one item alone")


@check("ranker")
def strangers_are_stood(subject: Subject) -> None:
    """A user or an item that it never saw has a score or NaN; so has "", who stands for everybody."""
    run = small_run()
    ranker = _fitted(subject, run)
    for users, items, said in (
        ([EVERYBODY], run.items, 'the user "", who stands for everybody'),
        (["nobody", *run.users[:2]], run.items, "a user that it never saw"),
        (run.users[:2], ["new", *run.items], "an item that it never saw"),
        ([f"segment:{SEGMENTS[0]}"], run.items, "the user that stands for a segment"),
    ):
        try:
            values = values_of(ranker, users, items)
        except Exception as error:
            raise AssertionError(f"asked for {said}, it raised {type(error).__name__}: {error}; score NaN") from error
        assert values.shape == (len(users), len(items)), f"asked for {said}, values have shape {values.shape}"
        assert not np.isinf(values).any(), f"asked for {said}, a score is infinite"


@check("ranker")
def nobody_is_stood(subject: Subject) -> None:
    """No users, or no items, give an empty array of the right shape."""
    run = small_run()
    ranker = _fitted(subject, run)
    for users, items in (([], run.items), (run.users, [])):
        shape = values_of(ranker, users, items).shape
        wanted = (len(users), len(items))
        assert shape == wanted, f"for {len(users)} users × {len(items)} items, values have shape {shape}"


@check("ranker")
def fit_and_scores_leave_the_input_alone(subject: Subject) -> None:
    """Neither rows, effects nor embeddings are changed, by `fit` or by `scores`."""
    run = small_run()
    made, users, items = run.outputs, run.users, run.items
    with left_alone(made.training, made.effects, made.embeddings, users, items):
        ranker = _fitted(subject, run)
        values = values_of(ranker, users, items)
        if values.flags.writeable:
            values[:] = -1.0
        values_of(ranker, users[:3], items)


@check("ranker")
def repeats_under_one_seed(subject: Subject) -> None:
    """One seed gives one set of scores, whatever else the process drew."""
    run, context = small_run(), Context(root_seed=5)
    first = values_of(_fitted(subject, run, context=context), run.users, run.items)
    with shaken(1):
        again = values_of(_fitted(subject, run, context=context), run.users, run.items)
    assert np.array_equal(first, again, equal_nan=True), (
        "the same log and seed gave other scores; draw from `context.rng('name')` and sort sets"
    )


@check("ranker")
def a_second_fit_forgets_the_first(subject: Subject) -> None:
    """Fitted again on other input, it scores as one that never saw the first."""
    run = small_run()
    made, other = run.outputs, _turned(run.effects)
    ranker = _fitted(subject, run)
    rows = made.training.interactions.frame()
    kept = rows[rows["bought"].eq(1) | rows["item"].eq(run.items[0])]
    fewer = replace(made.training, interactions=Table(kept.assign(bought=kept["bought"].to_numpy()[::-1])))
    again = values_of(ranker.fit(fewer, other, made.embeddings, context=Context()), run.users, run.items)
    fresh = values_of(subject.fresh().fit(fewer, other, made.embeddings, context=Context()), run.users, run.items)
    same_scores(again, fresh, "fitted a second time", "start `fit` from nothing")


@check("ranker")
def rows_in_any_order_and_parts_score_alike(subject: Subject) -> None:
    """Scores do not depend on the order of the rows, nor on how many are held in memory at once."""
    run = small_run()
    made, first = run.outputs, values_of(_fitted(subject, run), run.users, run.items)
    rows = made.training.interactions.frame()
    mixed = replace(made.training, interactions=Table(rows.sample(frac=1, random_state=1).reset_index(drop=True)))
    shuffled = subject.fresh().fit(mixed, made.effects, made.embeddings)
    same_scores(values_of(shuffled, run.users, run.items), first, "with its rows in another order")
    parts = values_of(_fitted(subject, run, context=Context(part_rows=101)), run.users, run.items)
    same_scores(parts, first, "reading 101 rows at a time")


@check("ranker")
def works_or_says_what_it_lacks(subject: Subject) -> None:
    """Without effects or embeddings it works, or raises an error that says what to do."""
    made = small_run().outputs
    for given, said in (
        ((made.effects, None), "no embeddings"),
        ((None, made.embeddings), "no effects"),
        ((None, None), "neither effects nor embeddings"),
    ):
        told = _refusal(partial(subject.fresh().fit, made.training, *given, context=Context()), said)
        assert told is None or told.todo, f"given {said}, its error does not say what to do: {told}; give it `todo`"


@check("ranker")
def what_cannot_be_read_moves_no_score(subject: Subject) -> None:
    """The number of an effect that was refuted or cannot be identified does not decide a place in the list."""
    run = small_run()
    first = values_of(_fitted(subject, run), run.users, run.items)
    turned = values_of(_fitted(subject, run, _turned(run.effects)), run.users, run.items)
    if np.array_equal(first, turned, equal_nan=True):
        raise NotApplicable("it does not rank by effects")
    for status in sorted(EXCLUDED):
        item = run.effects.item.copy()
        item.loc[run.items[0], ["status", "effect"]] = [status, 0.5]
        segment = run.effects.segment[run.effects.segment["item"] != run.items[0]]
        out = replace(run.effects, item=item, segment=segment)
        item = item.copy()
        item.loc[run.items[0], "effect"] = -0.5
        one, other = (values_of(_fitted(subject, run, e), run.users, run.items) for e in (out, replace(out, item=item)))
        same_scores(
            other[:, :1],
            one[:, :1],
            f"where an effect with the status {status!r} turned from 0.5 to -0.5",
            "score items whose status is in causalkit.types.EXCLUDED NaN, or by something else",
        )


@check("ranker")
def alike_users_score_alike(subject: Subject) -> None:
    """Users to whom `alike` gives one number have the same scores."""
    if not hasattr(subject.example, "alike"):
        raise NotApplicable("it has no `alike`")
    for said, ranker, users, items in _cases(subject):
        codes = ranker.alike(users, context=Context())
        if codes is None:
            continue
        codes, values = np.asarray(codes), values_of(ranker, users, items)
        assert codes.shape == (len(users),), f"`alike` gave shape {codes.shape} for {len(users)} users"
        assert codes.dtype == np.int64, f"`alike` gave {codes.dtype}; give int64"
        for code in np.unique(codes):
            own = values[codes == code]
            assert np.array_equal(own, np.broadcast_to(own[0], own.shape), equal_nan=True), (
                f"with {said}, `alike` gives {users[int(np.argmax(codes == code))]!r} and others the number {code}, "
                "and their scores differ; lists would be wrong"
            )


@check("ranker")
def vectors_multiply_to_the_scores(subject: Subject) -> None:
    """The inner products of `vectors` are the scores, NaN where those are."""
    if not hasattr(subject.example, "vectors"):
        raise NotApplicable("it has no `vectors`")
    for said, ranker, users, items in _cases(subject):
        found = ranker.vectors(users, items, context=Context())
        if found is None:
            continue
        left, right = found
        sizes, wanted = (len(left), len(right)), (len(users), len(items))
        assert sizes == wanted, f"`vectors` gave {sizes} rows for {wanted} users and items"
        assert left.dtype == right.dtype == np.float32, f"`vectors` gave {left.dtype} and {right.dtype}; give float32"
        products = left.astype(float) @ right.astype(float).T
        same_scores(products, values_of(ranker, users, items), f"with {said}, by `vectors`", "give None there")


def _refusal(call: Callable[[], Any], given: str) -> CausalkitError | None:
    try:
        call()
    except CausalkitError as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"given {given}, it raised {type(error).__name__}: {error}; raise a UsageError that says what to do"
        ) from error
    return None


def _cases(subject: Subject) -> Iterator[tuple[str, Any, list[Any], list[Any]]]:
    """The ranker fitted on effects of every sort; users and items, of which some are unknown."""
    run = small_run()
    users, items = [*run.users, "nobody", EVERYBODY], run.items
    for said, effects in _sorts(run).items():
        fitted = answer_or_refusal(partial(_fitted, subject, run, effects), f"effects of {said}")
        if fitted is not None:
            yield f"effects of {said}", fitted, users, items


def _sorts(run: SmallRun) -> dict[str, Effects]:
    own = run.effects
    rng, shared = np.random.default_rng(2), run.items[:NEVER]
    bare = replace(own, segment=own.segment.iloc[:0])
    pair = pd.DataFrame({"user": run.users[:3], "item": run.items[:3], "effect": [0.9, -0.4, 0.2], "stderr": 0.1})
    elsewhere = pd.DataFrame({"user": run.users[:2], "item": run.items[1:3], "segment": list(SEGMENTS[:2])})
    of = {"users": pd.Index(run.users[4:]), "items": pd.Index(shared)}
    vectors = {f"{name[:-1]}_vectors": rng.normal(size=(len(ids), 3)).astype(np.float32) for name, ids in of.items()}
    return {
        "items alone": bare,
        "segments": own,
        "segments, some users being in another for some items": replace(
            own, segments=replace(own.segments, of_pair=elsewhere)
        ),
        "pairs": replace(bare, pair=pair),
        "factors": replace(bare, factors=EffectFactors(**of, **vectors)),
    }


def _turned(effects: Effects) -> Effects:
    """The effects with the best made the worst."""
    flip = {name: -effects.item[name] for name in ("effect", "raw")}
    segment = effects.segment.assign(effect=-effects.segment["effect"])
    return replace(effects, item=effects.item.assign(**flip), segment=segment)


def same_scores(found: Floats, expected: Floats, said: str, todo: str = "", tolerance: float = 1e-5) -> None:
    """Fail where two arrays of scores differ."""
    assert found.shape == expected.shape, f"{said}, scores have shape {found.shape}, not {expected.shape}"
    close = np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not close.all():
        user, item = np.argwhere(~close)[0]
        raise AssertionError(
            f"{said}, the score of pair ({user}, {item}) is {found[user, item]:.6g}, not {expected[user, item]:.6g}"
            + (f"; {todo}" if todo else "")
        )
