"""What an explainer must do."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context
from causalkit.errors import CausalkitError
from causalkit.testing.checks._calls import answer_or_refusal, left_alone
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.checks._small_run import NEVER, REFUTED, SmallRun, small_run
from causalkit.testing.kit import Subject, check
from causalkit.types import Explanation, Outputs, Ranking, Receipt

LONGEST = 2000
"""Characters of a text that somebody would still read beside a recommendation."""
BOASTS = re.compile(r"\b(prov(es?|ed|en)|guarantee[sd]?|certainly)\b", re.IGNORECASE)


def _explain(subject: Subject, run: SmallRun, ranking: Ranking | None = None, **changes: Any) -> tuple[Receipt, ...]:
    outputs = replace(run.outputs, **changes)
    return _receipts(subject.fresh().explain(ranking or _listed(run), outputs, context=Context()))


def _receipts(answer: Any) -> tuple[Receipt, ...]:
    assert isinstance(answer, Explanation), f"`explain` gave a {type(answer).__name__}; give Explanation(receipts)"
    return tuple(answer.receipts)


def _listed(run: SmallRun) -> Ranking:
    """Every list of the run; that for everybody with the items of odd status, as `causalkit explain` may ask."""
    assert run.outputs.ranking is not None
    known = run.outputs.ranking.table
    more = [_row(run, place) for place in (REFUTED, NEVER)]
    return replace(run.outputs.ranking, table=pd.concat([known, *more], ignore_index=True))


def _row(run: SmallRun, place: int, **changes: Any) -> pd.DataFrame:
    """A row of the list for everybody on one item, by what is claimed of it."""
    assert run.outputs.ranking is not None
    item = run.items[place]
    own = run.effects.item.loc[item, ["effect", "stderr", "lower", "upper", "status"]].to_dict()
    told = {"scope": "overall", "who": "", "rank": 1, "item": item, "score": own["effect"], "level": "item"}
    return pd.DataFrame([told | own | changes])[list(run.outputs.ranking.table.columns)]


def _one(subject: Subject, run: SmallRun, changes: Mapping[str, Any]) -> Receipt:
    """The receipt of the first item, of whose effect something else is known."""
    assert run.outputs.ranking is not None
    item = run.effects.item.copy()
    for name, value in changes.items():
        item.loc[run.items[0], name] = value
    told = SmallRun(replace(run.outputs, effects=replace(run.effects, item=item)), run.test, run.truth)
    ranking = replace(run.outputs.ranking, table=_row(told, 0))
    found = _explain(subject, told, ranking)
    assert len(found) == 1, f"it gave {len(found)} receipts for one recommendation"
    return found[0]


@check("explainer")
def a_receipt_for_each_recommendation(subject: Subject) -> None:
    """Receipts come in the ranking's order, each for its own scope, who and item."""
    run = small_run()
    table = _listed(run).table
    wanted = list(table[["scope", "who", "item"]].astype(str).itertuples(index=False, name=None))
    found = [(str(told.scope), str(told.who), str(told.item)) for told in _explain(subject, run)]
    assert len(found) == len(wanted), f"it gave {len(found)} receipts for {len(wanted)} recommendations"
    wrong = next(((a, b) for a, b in zip(found, wanted, strict=True) if a != b), None)
    assert wrong is None, f"where the ranking has {wrong and wrong[1]}, its receipt is of {wrong and wrong[0]}"


@check("explainer")
def facts_are_the_rankings(subject: Subject) -> None:
    """Effect, interval and status of a receipt are those of its recommendation, in outcome units per row unit."""
    run = small_run()
    table = _listed(run).table
    for told, row in zip(_explain(subject, run), table.to_dict("records"), strict=True):
        for name in ("effect", "lower", "upper"):
            fact, claimed = float(getattr(told, name)), float(row[name])
            assert fact == claimed or (math.isnan(fact) and math.isnan(claimed)), (
                f"{name} of {told.item} is {fact:.6g} on the receipt and {claimed:.6g} in the ranking; "
                "keep the facts as they are, and round or scale in the text alone"
            )
        assert told.status == row["status"], f"{told.item} is {row['status']}, and {told.status!r} on the receipt"


@check("explainer")
def units_are_the_effects(subject: Subject) -> None:
    """Treated and control units are those that stand behind the item's effect."""
    run = small_run()
    for told in _explain(subject, run):
        own = run.effects.item.loc[told.item]
        for name in ("treated", "control"):
            fact = getattr(told, f"{name}_units")
            assert fact == own[name], f"{told.item} has {own[name]:.0f} {name} units, and {fact} on the receipt"


@check("explainer")
def texts_are_fit_to_be_read(subject: Subject) -> None:
    """Each text is short, not empty, and holds neither nan nor inf."""
    run = small_run()
    for told in _explain(subject, run):
        assert told.text.strip(), f"the text of {told.item} is empty"
        assert len(told.text) <= LONGEST, f"the text of {told.item} has {len(told.text)} characters, over {LONGEST}"
        odd = re.search(r"\b(nan|NaN|None|inf)\b", told.text)
        assert odd is None, f"the text of {told.item} says {odd and odd[0]!r}: {told.text}"


@check("explainer")
def texts_name_their_item(subject: Subject) -> None:
    """Each text calls its item by its name in the items table, or its id."""
    run = small_run()
    names = run.outputs.training.item_labels()
    for told in _explain(subject, run):
        name = str(names[told.item])
        assert any(called.casefold() in told.text.casefold() for called in (name, told.item)), (
            f"the text of {told.item}, called {name!r}, names neither: {told.text}"
        )


@check("explainer")
def texts_prove_nothing(subject: Subject) -> None:
    """No text says that an effect is proven, guaranteed or certain: it is estimated under assumptions."""
    for told in _explain(subject, small_run()):
        boast = BOASTS.search(told.text)
        assert boast is None, f"the text of {told.item} says {boast and boast[0]!r}; say what is estimated"


@check("explainer")
def texts_tell_the_effect_and_its_interval(subject: Subject) -> None:
    """Another effect or another interval makes another text."""
    run = small_run()
    own = {"effect": 0.2, "lower": 0.1, "upper": 0.3}
    plain = _one(subject, run, own).text
    for other, said in (
        ({"effect": -0.2, "lower": -0.3, "upper": -0.1}, "an effect of -0.2 rather than 0.2"),
        (own | {"lower": -0.3, "upper": 0.7}, "an interval of -0.3 to 0.7 rather than 0.1 to 0.3"),
    ):
        text = _one(subject, run, other).text
        assert text != plain, f"of {said} it says the same: {text}"
    assert run.outputs.ranking is not None
    listed = run.outputs.ranking.table.query("scope == 'segment'").head(1)
    rankings = [replace(run.outputs.ranking, table=table) for table in (listed, listed.assign(lower=-0.9, upper=0.95))]
    narrow, wide = (_explain(subject, run, ranking)[0].text for ranking in rankings)
    assert narrow != wide, (
        f"where the recommendation has another interval than its item, it says the same: {wide}; tell what the row "
        "of ranking.table says, which may be of a segment or a pair"
    )


@check("explainer")
def texts_tell_what_is_doubtful(subject: Subject) -> None:
    """An effect that is predicted, refuted or not identified is not told like one that was estimated."""
    run = small_run()
    plain = _one(subject, run, {"status": "estimated"}).text
    for status, reason in (
        ("predicted", "never exposed: predicted from similar items"),
        ("refuted", "future-exposure finds an effect where there can be none"),
        ("not-identified", "no adjustment set is observed"),
    ):
        text = _one(subject, run, {"status": status, "reason": reason}).text
        assert text != plain, f"of an effect with the status {status!r} it says the same as of one estimated: {text}"


@check("explainer")
def effects_that_are_not_there_are_stood(subject: Subject) -> None:
    """Of an effect that could not be estimated it says so, without numbers that are not there."""
    nothing: dict[str, Any] = dict.fromkeys(("effect", "stderr", "lower", "upper", "raw", "raw_stderr"), np.nan)
    told = _one(subject, small_run(), {"status": "no-overlap", "reason": "no unexposed rows"} | nothing)
    assert told.text.strip() and not re.search(r"\bnan\b", told.text), f"it says {told.text!r}"
    assert math.isnan(told.effect), f"the effect is not known, and {told.effect} on the receipt"


@check("explainer")
def titles_are_data(subject: Subject) -> None:
    """What a title holds is shown as it is, never run, and cannot run away with the text."""
    tricks = "{item} %s {0} {{7*7}} ${x} <b>tea</b>"
    text = _called(subject, tricks)
    assert tricks.casefold() in text.casefold(), f"of an item called {tricks!r} it says: {text}"
    for title, said in (
        ("tea " * 300_000, "a title of a million characters"),
        ("\x1b[31mtea\x00\x07", "a title with control characters"),
    ):
        text = _called(subject, title)
        assert len(text) <= LONGEST, f"of {said} it makes a text of {len(text):,} characters; cut names short"
        odd = next((c for c in text if not c.isprintable() and c != "\n"), "")
        assert not odd, f"of {said} it keeps {odd!r}, which a terminal would obey; leave out what is not printable"


@check("explainer")
def leaves_the_outputs_alone(subject: Subject) -> None:
    """Neither ranking, effects nor any other output is changed."""
    run = small_run()
    ranking = _listed(run)
    with left_alone(ranking, run.outputs):
        subject.fresh().explain(ranking, run.outputs, context=Context())


@check("explainer")
def repeats_under_one_seed(subject: Subject) -> None:
    """One seed gives one text, whatever the explainer did before and other code drew."""
    run, explainer, context = small_run(), subject.fresh(), Context(root_seed=2)
    first = _receipts(explainer.explain(_listed(run), run.outputs, context=context))
    explainer.explain(replace(_listed(run), table=_row(run, NEVER)), run.outputs, context=Context(root_seed=8))
    with shaken(1):
        again = _receipts(explainer.explain(_listed(run), run.outputs, context=context))
    texts = [(a.text, b.text) for a, b in zip(first, again, strict=True) if repr(a) != repr(b)]
    assert not texts, f"the same ranking and seed gave {texts[0][0]!r}, and then {texts[0][1]!r}"


@check("explainer")
def stands_a_bare_run(subject: Subject) -> None:
    """Without graph, falsifications, vectors or estimand it still explains; without effects it may refuse."""
    run = small_run()
    for missing, said in (
        ({"graph": None, "variables": None}, "no graph"),
        ({"verdicts": ()}, "no falsifications"),
        ({"embeddings": None}, "no vectors"),
        ({"estimand": None, "split": None, "scores": None, "measurements": ()}, "no estimand"),
    ):
        changes: dict[str, Any] = dict(missing)
        try:
            found = _explain(subject, run, **changes)
        except CausalkitError as error:
            raise AssertionError(f"in a run with {said}, which is optional, it refused: {error}") from error
        assert len(found) == len(_listed(run).table), f"in a run with {said} it gave {len(found)} receipts"
    ranking = _listed(run)
    bare = replace(run.outputs, effects=None, verdicts=())
    answer_or_refusal(lambda: subject.fresh().explain(ranking, bare, context=Context()), "a run without effects")


@check("explainer")
def an_empty_ranking_has_no_receipts(subject: Subject) -> None:
    """Of no recommendations there are no receipts."""
    run = small_run()
    ranking = replace(_listed(run), table=_listed(run).table.iloc[:0])
    found = _explain(subject, run, ranking)
    assert not found, f"of no recommendations it gave {len(found)} receipts"


def _called(subject: Subject, title: str) -> str:
    """The text on an item of that title."""
    run = small_run()
    items = run.outputs.training.items.copy()
    items.loc[run.items[0], "title"] = title
    outputs: Outputs = replace(run.outputs, training=replace(run.outputs.training, items=items))
    return _one(subject, SmallRun(outputs, run.test, run.truth), {}).text
