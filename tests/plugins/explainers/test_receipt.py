"""Receipts: the template's words, number by number, and the facts beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.explainers.receipt import ReceiptExplainer

from causalkit.errors import DataError
from causalkit.types import (
    CausalGraph,
    Column,
    Dataset,
    Derivation,
    Effects,
    Estimand,
    Outputs,
    Ranking,
    Schema,
    SegmentMap,
    Table,
    Verdicts,
    Words,
)

MAILER = Words(
    units="households",
    period="week",
    exposed="in the mailer",
    outcome="bought",
    bundle=", usually with a price cut",
    exposure="mailer",
    everyone="This is the effect of mailing everyone",
    verb="were",
    treated="mailed",
    untreated="unmailed",
    alone="what mailing only you would do",
)
SEGMENTS = ("light shoppers", "heavy shoppers")


def log(words: Words = MAILER, assignment: tuple[str, ...] = ("item", "week"), kind: str = "binary") -> Dataset:
    columns = (
        Column("item", "item", "categorical"),
        Column("week", "time", "time"),
        Column("segment", "segment", "categorical"),
        Column("exposed", "treatment", "binary"),
        Column("bought", "outcome", kind, description="spending"),
        Column("usual", "covariate", description="earlier sales", derive=Derivation("lag", of="bought")),
        Column("season", "covariate", description="time of the year", derive=Derivation("fourier", harmonics=2)),
    )
    if "user" in assignment:
        columns = (Column("user", "user", "categorical"), *columns)
    items = pd.DataFrame(index=pd.Index(["STRAWBERRIES", "BEER", "Milk"]))
    users = pd.DataFrame({"segment": ["light shoppers", "heavy shoppers"]}, index=["h1", "h2"])
    rows = pd.DataFrame({c.name: [] for c in columns if c.derive is None})
    return Dataset(Table(rows), Schema(columns, assignment, words=words), items, users)


def effects(**changes: object) -> Effects:
    table = pd.DataFrame(
        {"effect": 0.008, "raw": 0.009, "treated": 12.0, "control": 20.0, "status": "estimated", "reason": ""},
        index=pd.Index(["STRAWBERRIES", "BEER", "Milk"], name="item"),
    ).assign(**changes)
    people = pd.Series({"h1": "light shoppers", "h2": "heavy shoppers", "segment:light shoppers": "light shoppers"})
    bought = pd.DataFrame({"user": ["h1"], "item": ["BEER"], "segment": ["heavy shoppers"]})
    return Effects(table, segments=SegmentMap(people, bought))


def placebo(
    refuter: str = "future-exposure", estimate: float = 0.001, items: tuple[str, ...] = ("STRAWBERRIES",)
) -> Verdicts:
    table = pd.DataFrame({"estimate": estimate, "stderr": 0.002, "p": 0.6}, index=pd.Index(items))
    return Verdicts(refuter, "falsification", "shifted", table, -0.0002, -0.0007, 0.0003, 1, len(items), 0, "nothing")


def row(**changes: object) -> dict[str, object]:
    plain = {"scope": "overall", "who": "", "rank": 1, "item": "STRAWBERRIES", "score": 1.0, "effect": 0.008}
    return plain | {"stderr": 0.002, "lower": 0.004, "upper": 0.012, "level": "item", "status": "estimated"} | changes


def told(*rows: dict[str, object], data: Dataset | None = None, made: Effects | None = None, **outputs: object) -> list:
    estimand = Estimand("exposed", "bought", "att", adjustment=("usual", "season_sin1", "season_cos1"))
    given = {"estimand": estimand, "effects": made or effects(), "verdicts": (placebo(),)} | outputs
    everything = Outputs(training=data or log(), **given)
    return list(ReceiptExplainer().explain(Ranking(pd.DataFrame(rows), "uplift"), everything))


def test_the_sentence_of_the_issue() -> None:
    [receipt] = told(row())
    assert receipt.text == (
        "When strawberries were in the mailer, usually with a price cut, about 0.8 more of 100 households bought them "
        "that week than in similar unmailed weeks (95 % 0.4–1.2; 12 mailed weeks). Placebo mailers read 0.1 of 100, "
        "95 % −0.3 to 0.5 (future exposure). This is the effect of mailing everyone; the data cannot say what mailing "
        "only you would do."
    )


def test_the_facts_beside_the_sentence() -> None:
    [receipt] = told(row())
    assert (receipt.effect, receipt.lower, receipt.upper) == (0.008, 0.004, 0.012)
    assert (receipt.treated_units, receipt.control_units, receipt.of) == (12, 20, "item")
    assert receipt.adjusted_for == ("earlier sales", "time of the year")
    assert receipt.bundle == "usually with a price cut"
    assert receipt.falsification == "future exposure: 0.1 of 100, 95 % −0.3 to 0.5"
    assert receipt.graph_range is None


@pytest.mark.parametrize(
    ("effect", "lower", "upper", "words"),
    [
        (-0.003, -0.007, 0.001, "about 0.3 fewer of 100 households"),
        (0.0003, -0.004, 0.005, "hardly more of 100 households"),
        (0.234, 0.15, 0.32, "about 23 more of 100 households"),
        (0.0123, 0.0119, 0.0127, "about 1.23 more of 100 households"),
    ],
)
def test_numbers_have_the_digits_that_the_interval_warrants(
    effect: float, lower: float, upper: float, words: str
) -> None:
    [receipt] = told(row(effect=effect, lower=lower, upper=upper))
    assert words in receipt.text


def test_an_interval_over_zero_says_so_without_a_dash() -> None:
    [receipt] = told(row(lower=-0.002, upper=0.018))
    assert "(95 % −0.2 to 1.8, so it may be none; 12 mailed weeks)" in receipt.text


def test_predicted_effects_are_never_told_as_measured() -> None:
    [receipt] = told(row(item="BEER", status="predicted"), made=effects(treated=0.0))
    assert receipt.text.startswith(
        "Beer were never in the mailer in the data. Going by similar items, about 0.8 more of 100 households would "
        "have bought them in a mailed week (95 % 0.4–1.2): predicted, not measured."
    )
    assert "12 mailed weeks" not in receipt.text
    [receipt] = told(row(item="BEER", status="predicted"), data=log(Words()), made=effects(treated=0.0))
    assert " in an exposed period (" in receipt.text


def test_an_item_that_cannot_be_read_gets_no_number() -> None:
    reason = "2 exposed and 14 unexposed weeks; 4 of each are needed"
    made = effects(reason=reason, status="too-few-clusters")
    [receipt] = told(row(status="too-few-clusters"), made=made)
    assert receipt.text == f"No effect of strawberries can be read from this log: {reason}."
    [blank] = told(row(effect=np.nan, lower=np.nan, upper=np.nan, status=""), made=made)
    assert blank.text == receipt.text
    assert blank.status == "too-few-clusters"


def test_a_refuted_effect_says_so() -> None:
    [receipt] = told(
        row(status="refuted"), made=effects(reason="future-exposure finds an effect where there can be none")
    )
    assert "A falsification refutes this reading: future-exposure finds an effect" in receipt.text


def test_a_segment_is_named_as_whose_effect_it_is() -> None:
    segment, user, other = told(
        row(scope="segment", who="light shoppers", level="segment"),
        row(scope="user", who="h1", level="segment"),
        row(scope="user", who="h1", item="BEER", level="segment"),
    )
    assert "0.8 more of 100 households of the segment “light shoppers” bought them" in segment.text
    assert segment.of == user.of == "segment: light shoppers"
    assert other.of == "segment: heavy shoppers"
    assert "what mailing only you would do" in user.text


def test_where_exposure_varies_by_user_the_effect_is_that_of_exposing_one() -> None:
    personal = log(Words(), ("user", "item", "week"))
    [item], [pair] = (
        told(row(), data=personal),
        told(row(scope="user", who="h1", level="pair"), data=personal),
    )
    assert "effect of exposing one of them, averaged over users." in item.text
    assert "12 exposed user × item × week units" in item.text
    assert "than of similar unexposed users" in item.text
    assert "user h1 is estimated to have responded to it in about 0.8 more of 100 periods" in pair.text
    assert "showing it to everyone" not in item.text + pair.text


def test_placebos_that_were_not_tried_on_the_item_are_read_pooled_or_said_missing() -> None:
    [pooled] = told(row(item="BEER"))
    assert (
        "read −0.02 of 100, 95 % −0.07 to 0.03 over all items (future exposure; not tried for this one)" in pooled.text
    )
    assert pooled.falsification == "future exposure: not tried for this item"
    check = replace(placebo("permutation"), sort="software-check")
    [none] = told(row(), verdicts=(check,))
    assert "No placebo was tried." in none.text
    assert none.falsification == "none was tried"


def test_a_placebo_that_reads_something_over_all_items_is_told_with_each() -> None:
    bad = replace(placebo("exposure-elsewhere", items=("BEER",)), estimate=-0.001, lower=-0.0016, upper=-0.0003)
    [receipt] = told(row(), verdicts=(placebo(), bad))
    assert "Placebo mailers read 0.1 of 100" in receipt.text
    said = "Over all items exposure elsewhere reads −0.10 of 100, 95 % −0.16 to −0.03, where nothing should be read."
    assert said in receipt.text


def test_an_items_placebo_has_students_interval() -> None:
    few = replace(placebo(), item=placebo().item.assign(df=4.0))
    [receipt] = told(row(), verdicts=(few,))
    assert "read 0.1 of 100, 95 % −0.5 to 0.7 (future exposure)" in receipt.text


def test_a_graph_is_mentioned_with_the_range_over_graphs() -> None:
    made = effects(graph_lower=-0.002, graph_upper=0.009)
    [receipt] = told(row(), made=made, graph=CausalGraph(("exposed", "bought"), ()))
    assert receipt.graph_range == (-0.002, 0.009)
    assert "Over graphs that fit as well it runs −0.2 to 0.9, so its sign is open." in receipt.text
    assert receipt.text.endswith("In the causal graph, one treatment node stands for the average item.")


def test_other_outcomes_are_told_in_their_own_units() -> None:
    [receipt] = told(row(effect=1.3, lower=0.9, upper=1.7), data=log(kind="continuous"))
    assert "spending was about 1.3 higher for households that week than in similar unmailed weeks" in receipt.text
    assert "of 100" not in receipt.text.split("Placebo")[0]


def test_no_name_can_inject_anything() -> None:
    evil = "{words.units} %s \x1b[31m<script>\n\u202ealert(1)" + "x" * 200
    data = log()
    items = pd.DataFrame(index=pd.Index([evil]))
    table = effects().item.iloc[:1].set_axis([evil])
    [receipt] = told(row(item=evil), data=replace(data, items=items), made=Effects(table), verdicts=())
    assert "{words.units} %s [31m<script> alert(1)xxx" in receipt.text
    assert not set("\x1b\n\u202e") & set(receipt.text)
    assert receipt.text.count("x") < 120


def test_one_week_is_not_weeks() -> None:
    [receipt] = told(row(), made=effects(treated=1.0))
    assert "; 1 mailed week)" in receipt.text


def test_without_effects_there_is_nothing_to_tell() -> None:
    with pytest.raises(DataError, match="this run has none"):
        ReceiptExplainer().explain(Ranking(pd.DataFrame([row()]), "popularity"), Outputs(training=log()))


@pytest.mark.parametrize(
    ("name", "said"), [("BELL PEPPERS", "bell peppers"), ("SKU-45", "SKU-45"), ("Oat Bar", "Oat Bar")]
)
def test_capitals_are_lowered_but_not_those_of_codes(name: str, said: str) -> None:
    data = log()
    data = replace(data, items=pd.DataFrame(index=pd.Index([name, "BEER", "Milk"], name="item")))
    made = effects()
    made = replace(made, item=made.item.set_axis(data.items.index))
    [receipt] = told(row(item=name), data=data, made=made, verdicts=())
    assert receipt.text.startswith(f"When {said} were in the mailer")


def test_items_are_called_by_their_titles_and_told_apart_by_their_ids() -> None:
    titles = pd.DataFrame({"title": ["Red apple", "Red apple", None]}, index=pd.Index(["STRAWBERRIES", "BEER", "Milk"]))
    data = replace(log(), items=titles)
    assert data.item_labels().tolist() == ["Red apple (STRAWBERRIES)", "Red apple (BEER)", "Milk"]
    [receipt] = told(row(), data=data)
    assert receipt.text.startswith("When Red apple (STRAWBERRIES) were in the mailer")


def test_a_placebo_that_read_nothing_is_not_quoted() -> None:
    wide = replace(placebo(estimate=-4.1), item=placebo(estimate=-4.1).item.assign(stderr=2.6))
    [receipt] = told(row(), verdicts=(wide,))
    assert "over all items (future exposure; not tried for this one)" in receipt.text
    assert "410" not in receipt.text
