"""The discoverer `llm`: what it asks, and what it makes of the answers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from causalkit_plugins.discoverers.llm import LLM
from causalkit_plugins.examples._answering import Answering
from causalkit_plugins.examples.discoverers import ARROWS
from hostile import Scripted, fences, table

from causalkit.components import Context
from causalkit.errors import BudgetReached, ConfigError, DataError, Interrupted, ModelUnavailable
from causalkit.testing.worlds.graph import graph_world
from causalkit.types import CausalGraph, Knowledge, Opinion, Question

SHOP = graph_world("gaussian").variables
STRATEGIES = ("pairwise", "order", "breadth-first")


def arrows(graph: CausalGraph) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.mark, edge.target) for edge in graph}


def pair_of(question: Question) -> tuple[str, str]:
    """The two variables that a question about a pair names, in that order."""
    lines = [line for line in question.prompt.splitlines() if line.startswith(("First variable", "Second variable"))]
    first, second = (fences(line)[0] for line in lines)
    return first, second


def saying(*rules: tuple[str, str, str], otherwise: str = "neither") -> Scripted:
    """Answers (first, second, words), in the order asked."""
    table = {(a, b): words for a, b, words in rules}
    return Scripted(answer=lambda question, _: {"relation": table.get(pair_of(question), otherwise)})


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("repeats", [1, 3])
def test_a_model_that_knows_the_graph_gives_it(strategy, repeats):
    made = LLM(provider=Answering(arrows=ARROWS), strategy=strategy, repeats=repeats)
    graph = made.discover(SHOP)
    assert arrows(graph) == {(a, "->", b) for a, b in ARROWS}
    assert all(edge.confidence == 1 for edge in graph)
    assert {told.source for edge in graph for told in edge.evidence} == {"llm"}


def test_each_pair_is_asked_about_in_both_orders_as_often_as_told():
    model = saying()
    graph = LLM(provider=model, repeats=2).discover(table("a", "b", "c"))
    asked = sorted((*pair_of(question), question.repeat) for question, _ in model.asked_)
    wanted = [(x, y, r) for p in combinations("abc", 2) for x, y in (p, p[::-1]) for r in (0, 1)]
    assert asked == sorted(wanted)
    assert sorted((one.a, one.b, one.repeat) for one in graph.opinions) == asked
    assert {(one.said, one.model) for one in graph.opinions} == {("none", "scripted-1")}


def test_a_bias_of_position_is_measured_and_leaves_no_direction():
    graph = LLM(provider=saying(otherwise="first causes second")).discover(table("a", "b"))
    assert arrows(graph) == {("a", "--", "b")}
    assert any("of 2 arrows, 2 begin at the variable named first" in note for note in graph.notes)
    assert any("all answers agree about 0 of 1 pairs" in note for note in graph.notes)


def test_votes_are_counted_over_orders():
    """One order says a -> b and the other none: as much for an edge as against one, so there is none."""
    half = LLM(provider=saying(("a", "b", "first causes second"))).discover(table("a", "b"))
    assert not half.edges
    abstained = LLM(provider=saying(("a", "b", "first causes second"), otherwise="unsure")).discover(table("a", "b"))
    (edge,) = abstained.edges
    assert (edge.source, edge.mark, edge.target, edge.confidence) == ("a", "->", "b", 0.5)
    assert "1 of 2 answers of scripted-1 this way, 0 the other way, 0 for none, 1 unsure" in edge.evidence[0].detail
    assert any("1 of 2 opinions are abstentions" in note for note in abstained.notes)


def test_probabilities_weigh_where_the_provider_gives_them():
    logs = {"first causes second": -1.0, "second causes first": -3.0, "neither": -2.0, "unsure": -9.0}
    model = Scripted(answer=lambda question, _: {"relation": "unsure"}, log_probabilities=logs)
    opinions = LLM(provider=model).discover(table("a", "b")).opinions
    for one in opinions:
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.probabilities["a->b"] > one.probabilities["none"] > one.probabilities["b->a"]
    short = Scripted(answer=model.answer, log_probabilities={"first causes second": -1.0})
    assert all(one.probabilities is None for one in LLM(provider=short).discover(table("a", "b")).opinions)


def test_probabilities_decide_against_votes():
    def answer(question: Question, schema: dict[str, Any]) -> dict[str, str]:
        return {"relation": "neither"}

    logs = {"first causes second": -1.0, "second causes first": -1.0, "neither": -0.9, "unsure": -20.0}
    (edge,) = LLM(provider=Scripted(answer=answer, log_probabilities=logs)).discover(table("a", "b")).edges
    assert edge.mark == "--"  # no answer names an edge, and the probabilities of one sum to more than that of none
    assert 0.6 < edge.confidence < 0.7


def test_no_cycle_is_left_and_the_weakest_arrow_goes():
    rules = [("a", "b"), ("b", "c"), ("c", "a")]
    said = [(x, y, "first causes second") for x, y in rules] + [(y, x, "second causes first") for x, y in rules]
    said[-1] = ("a", "c", "unsure")  # c -> a has half the votes of the others
    graph = LLM(provider=saying(*said)).discover(table("a", "b", "c"))
    assert arrows(graph) == {("a", "->", "b"), ("b", "->", "c")}
    assert any(
        "1 arrows were left out so that no cycle is left (the lightest such set): c -> a" in n for n in graph.notes
    )


def test_only_the_pairs_given_are_asked_about():
    for strategy in STRATEGIES:
        made = LLM(provider=Answering(arrows=ARROWS), strategy=strategy)
        graph = made.discover(SHOP, pairs=[("bought", "price"), ("price", "bought"), ("taste", "shown")])
        assert arrows(graph) == {("price", "->", "bought")}
        asked = {frozenset((one.a, one.b)) for one in graph.opinions}
        assert asked == {frozenset(("price", "bought")), frozenset(("taste", "shown"))}
    nothing = made.discover(SHOP, pairs=[])
    assert not nothing.edges
    assert nothing.notes == ("no question was asked: there is no pair to ask about",)


def test_pairs_must_be_of_two_columns():
    with pytest.raises(DataError, match=r"'prise', which is no column.*price"):
        LLM(provider=Answering()).discover(SHOP, pairs=[("prise", "bought")])
    with pytest.raises(DataError, match="the pair"):
        LLM(provider=Answering()).discover(SHOP, pairs=[("price", "price")])
    with pytest.raises(DataError, match="two columns of one name"):
        LLM(provider=Answering()).discover(table("a", "b", "a"))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_with_nothing_to_ask_nobody_is_asked(strategy):
    model = saying()
    for columns in (table("a"), table()):
        assert not LLM(provider=model, strategy=strategy).discover(columns).edges
    forbidden = Knowledge(forbidden=frozenset({("a", "b"), ("b", "a")}))
    assert not LLM(provider=model, strategy=strategy).discover(table("a", "b"), forbidden).edges
    assert not model.prompts


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_knowledge_is_kept_and_never_asked_about(strategy):
    known = Knowledge(
        tiers={"season": 1, "price": 0},
        required=frozenset({("bought", "taste")}),
        forbidden=frozenset({("shown", "bought"), ("bought", "shown"), ("taste", "visits")}),
    )
    graph = LLM(provider=Answering(arrows=ARROWS), strategy=strategy).discover(SHOP, known)
    edges = arrows(graph)
    assert ("bought", "->", "taste") in edges
    assert not edges & {("season", "->", "price"), ("shown", "->", "bought"), ("taste", "->", "visits")}
    asked = {frozenset((one.a, one.b)) for one in graph.opinions}
    assert frozenset(("shown", "bought")) not in asked
    assert frozenset(("bought", "taste")) not in asked
    evidence = graph.edge("bought", "taste").evidence
    assert [told.source for told in evidence] == ["knowledge"]


def test_a_direction_that_knowledge_rules_out_is_not_offered():
    model = saying(("a", "b", "first causes second"), ("b", "a", "second causes first"))
    (edge,) = LLM(provider=model).discover(table("a", "b"), Knowledge(tiers={"a": 0, "b": 1}, source="me")).edges
    assert [(told.source, told.detail) for told in edge.evidence][1:] == [("knowledge", "direction: me")]
    for question, schema in model.asked_:
        ruled_out = "second causes first" if pair_of(question) == ("a", "b") else "first causes second"
        assert ruled_out not in schema["properties"]["relation"]["enum"]
        assert ruled_out not in question.prompt


def test_required_edges_stay_where_the_model_would_close_a_cycle():
    said = Answering(arrows=(("c", "a"),))
    known = Knowledge(required=frozenset({("a", "b"), ("b", "c")}))
    graph = LLM(provider=said).discover(table("a", "b", "c"), known)
    assert arrows(graph) == {("a", "->", "b"), ("b", "->", "c")}
    with pytest.raises(ConfigError):
        LLM(provider=said).discover(table("a", "b"), Knowledge(required=frozenset({("a", "b"), ("b", "a")})))


def test_lists_are_turned_round_with_every_repeat():
    model = Scripted(answer=lambda question, schema: {name: [] for name in schema["required"]})
    LLM(provider=model, strategy="order", repeats=2).discover(table("a", "b", "c"))
    listed = [[f for line in p.splitlines() if line.startswith("- V") for f in fences(line)] for p in model.prompts[:2]]
    assert listed == [["b", "c"], ["c", "b"]]


def test_questions_are_as_many_as_said_and_refused_beyond_the_limit():
    for strategy, count in (("pairwise", 30), ("order", 6), ("breadth-first", 7)):
        model = Scripted(
            answer=lambda question, schema: {
                name: "neither" if name == "relation" else [] for name in schema["required"]
            }
        )
        LLM(provider=model, strategy=strategy, max_questions=count).discover(SHOP)
        assert len(model.prompts) == count
        with pytest.raises(DataError, match="more than its max_questions"):
            LLM(provider=model, strategy=strategy, max_questions=count - 1).discover(SHOP)
        assert len(model.prompts) == count  # refused before anything was asked


def test_questions_without_an_answer_are_counted_with_their_reasons():
    model = Scripted(answer=lambda q, _: None if pair_of(q) == ("a", "b") else {"relation": "second causes first"})
    graph = LLM(provider=model).discover(table("a", "b"))
    assert arrows(graph) == {("a", "->", "b")}
    assert "1 questions have no valid answer (not answered: too long: 1)" in graph.notes
    assert (
        "scripted-1 was asked 2 questions (pairwise) and answered 1: 2 calls, 20 tokens asked and 2 answered; "
        in (graph.notes[0])
    )


def test_a_model_that_gives_no_answer_at_all_is_an_error():
    with pytest.raises(ModelUnavailable, match=r"none of 2 questions got a valid answer \(not answered: too long: 2\)"):
        LLM(provider=Scripted(answer=lambda q, s: None)).discover(table("a", "b"))


def test_what_stops_the_provider_goes_through():
    def broke(question, schema):
        raise BudgetReached("no calls are left")

    with pytest.raises(BudgetReached):
        LLM(provider=Scripted(answer=broke)).discover(table("a", "b"))
    with pytest.raises(Interrupted):
        LLM(provider=saying()).discover(table("a", "b"), context=Context(cancelled=lambda: True))


def test_what_one_answer_leaves_out_is_none_only_where_the_other_way_was_answered_too():
    def answer(question: Question, schema: dict[str, Any]) -> dict[str, list[str]] | None:
        silent = question.prompt.startswith("The variable: <data>b</data>")
        return None if silent else {name: [] for name in schema["required"]}

    graph = LLM(provider=Scripted(answer=answer), strategy="breadth-first").discover(table("a", "b", "c"))
    assert {(one.a, one.b): one.said for one in graph.opinions} == {
        ("a", "b"): "unsure",
        ("a", "c"): "none",
        ("b", "c"): "unsure",
    }


def test_arrows_that_follow_from_others_are_left_out_unless_they_were_asked_for():
    made = LLM(provider=Answering(arrows=(("a", "b"), ("b", "c"))), strategy="order")
    columns, chain = table("a", "b", "c"), {("a", "->", "b"), ("b", "->", "c")}
    assert arrows(made.discover(columns)) == chain
    asked = made.discover(columns, pairs=[("a", "b"), ("b", "c"), ("a", "c")])
    assert arrows(asked) == chain | {("a", "->", "c")}


def test_of_the_rows_nothing_is_told_unless_asked():
    discrete = graph_world("mixed").variables
    levels = {
        str(value)
        for name in discrete.names
        if discrete[name].kind == "categorical"
        for value in discrete.table[name].unique()
    }
    assert levels
    for values, told in ((0, False), (50, True)):
        model = saying()
        LLM(provider=model, values=values).discover(discrete)
        assert all(any(f"<data>{level}</data>" in p for p in model.prompts) is told for level in levels)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_reasons_are_asked_for_and_kept_out_of_the_graph(strategy):
    def answer(question: Question, schema: dict[str, Any]) -> dict[str, Any]:
        assert schema["required"][0] == "reasons"
        return {"reasons": "SECRET", **Answering(arrows=ARROWS).answer(question.prompt, schema)}

    graph = LLM(provider=Scripted(answer=answer), strategy=strategy, reasons=True).discover(SHOP)
    assert arrows(graph) == {(a, "->", b) for a, b in ARROWS}
    assert "SECRET" not in str(graph.to_dict())


def test_breadth_first_goes_from_roots_to_what_they_cause_and_tells_what_it_found():
    model = Scripted(answer=lambda question, schema: Answering(arrows=ARROWS).answer(question.prompt, schema))
    LLM(provider=model, strategy="breadth-first").discover(SHOP)
    asked = [fences(p.splitlines()[0])[0] for p in model.prompts[1:]]
    assert asked == ["season", "taste", "bought", "price", "shown", "visits"]
    assert "Taken to hold so far" not in model.prompts[1]
    assert "<data>season</data> causes <data>price</data>" in model.prompts[-1]


def test_the_columns_in_another_order_give_the_same_graph_and_questions():
    for strategy in STRATEGIES:
        model = Scripted(answer=lambda question, schema: Answering(arrows=ARROWS).answer(question.prompt, schema))
        made = LLM(provider=model, strategy=strategy)
        first = made.discover(SHOP)
        again = made.discover(SHOP.select(SHOP.names[::-1]))
        assert arrows(first) == arrows(again)
        assert first.opinions == again.opinions
        half = len(model.prompts) // 2
        assert model.prompts[:half] == model.prompts[half:]


@pytest.mark.parametrize("strategy", ["pairwise", "order"])
def test_what_would_be_asked_is_shown_without_asking(strategy):
    model = Scripted(answer=lambda question, schema: Answering(arrows=ARROWS).answer(question.prompt, schema))
    made = LLM(provider=model, strategy=strategy, repeats=2)
    shown = made.questions(SHOP, pairs=[("price", "bought"), ("taste", "bought")])
    assert not model.prompts
    made.discover(SHOP, pairs=[("price", "bought"), ("taste", "bought")])
    assert shown == [question for question, _ in model.asked_]


def test_without_arrows_nothing_is_said_of_where_they_begin():
    from causalkit_plugins.discoverers._consensus import position

    unsure = [Opinion("a", "b", "unsure"), Opinion("b", "a", "unsure")]
    assert position(unsure) == "asked in both orders, all answers agree about 1 of 1 pairs"
    assert "of 2 arrows, 1 begin" in position([Opinion("a", "b", "a->b"), Opinion("b", "a", "b->a")])


@pytest.mark.parametrize("other", ["x0\u200b", "\u202ex0", "\uff580", "x0\t"])
def test_names_that_a_prompt_would_tell_alike_are_refused(other: str) -> None:
    with pytest.raises(DataError, match="in the same words"):
        LLM(provider=Answering()).discover(table("x0", other))
    assert LLM(provider=Answering()).questions(table("x0", "X0"))
