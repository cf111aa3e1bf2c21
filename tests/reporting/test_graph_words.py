from dataclasses import replace

from causalkit.reporting.graph_svg import draw
from causalkit.reporting.graph_words import graph_summary, words_of_marks
from causalkit.reporting.html import render_report
from causalkit.types import CausalGraph, Edge, Evidence, Opinion, StepRecord, Usage
from tests.reporting import sample


def view(*edges, by="fused", usage=None, **more):
    step = StepRecord("discover", "done", 1.0, by, usage=usage)
    return replace(
        sample.view(60), labels={}, tiers={}, graph=CausalGraph(("a", "b", "c"), edges, **more), steps=(step,)
    )


def graph_of(shown):
    page = render_report(shown)
    return page[page.index('id="graph"') : page.index('id="ladder"')]


def test_a_graph_in_a_sentence_with_who_drew_it_and_what_models_took():
    said = graph_summary(view(Edge("a", "b"), Edge("b", "c", "--"), usage=Usage(44, 10142, 352, 0.003)))
    assert said.startswith("2 edges among 3 variables drawn by fused: 1 directed and 1 without a direction.")
    assert "Language models took 44 calls, 10,494 tokens, cost 0.003, when their answers were first given." in said
    assert "causes that no column holds" not in said
    assert said in graph_of(view(Edge("a", "b"), Edge("b", "c", "--"), usage=Usage(44, 10142, 352, 0.003)))


def test_without_a_model_nothing_is_said_of_one_and_an_empty_graph_has_no_kinds():
    said = graph_summary(view(by="pc"))
    assert said.startswith("0 edges among 3 variables drawn by pc.")
    assert "anguage model" not in said


def test_each_mark_that_is_drawn_is_explained_and_no_other():
    assert words_of_marks({"->"}, latent=False) == ()
    assert words_of_marks({"--"}, latent=False) == ("no arrowhead: direction not known",)
    assert any("hidden cause of both may stand" in words for words in words_of_marks({"->"}, latent=True))
    one_open, hidden = words_of_marks({"o->"}, True), words_of_marks({"<->"}, True)
    assert any(words.startswith("ring to arrowhead") for words in one_open)
    assert not set(one_open) & set(hidden)


def test_the_legend_of_a_pag_is_in_the_report():
    shown = graph_of(view(Edge("a", "b", "o->"), Edge("b", "c", "<->"), latent=True))
    assert "ring to arrowhead: a cause, or a hidden cause of both" in shown
    assert "It allows for causes that no column holds." in shown
    assert "no arrowhead" not in shown


def test_a_path_is_explained_only_where_one_is_drawn():
    shown = sample.view(60)
    assert draw(shown.graph, shown).on_path
    none = replace(shown, graph=CausalGraph(shown.graph.nodes))
    assert not draw(none.graph, none).on_path
    assert "on a path from treatment" in graph_of(shown)
    assert "on a path from treatment" not in graph_of(none)


def test_the_table_has_p_values_strengths_and_every_answer():
    edge = Edge("a", "b", "->", 0.9, (Evidence("data", "largest of its tests", 0.00031),), strength=0.1234)
    shown = graph_of(view(edge, Edge("b", "c"), opinions=(Opinion("a", "b", "b->a", "m1"), Opinion("a", "c", "none"))))
    assert "data: p = 0.00031, largest of its tests" in shown
    assert '<td class="n">0.123</td>' in shown
    assert '<td class="n">–</td>' in shown
    assert "Every answer of a language model (2)" in shown
    assert "the second causes the first</td><td>m1" in shown


def test_notes_beyond_the_first_twenty_are_counted():
    shown = graph_of(view(Edge("a", "b"), notes=tuple(f"note {i}" for i in range(23))))
    assert shown.count("<li>note ") == 20
    assert "3 more: <code>causalkit graph show</code>" in shown
