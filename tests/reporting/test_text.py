from dataclasses import replace

from causalkit.reporting.text import render_text
from causalkit.reporting.view import ReportView
from tests.reporting import sample


def test_it_says_question_answer_ladder_weaknesses_and_recommendations():
    made = render_text(sample.view(), top=3)
    assert made.startswith("Which product types does the mailer cause households to buy?\n")
    assert "+0.36 per" in made
    assert "weakens: exposure-elsewhere reads +0.07" in made
    assert "   3. " in made
    assert "   4. " not in made
    assert "the data cannot say what" in " ".join(made.split())


def test_lines_are_narrow_and_end_without_blanks():
    lines = render_text(sample.view()).splitlines()
    assert max(map(len, lines)) <= 110
    assert all(line == line.rstrip() for line in lines)


def test_control_and_bidi_characters_never_reach_the_terminal():
    view = sample.view()
    name = "milk\x1b[31m\x00\u202e"
    ranked = view.ranking.table.replace({"strawberries": name})
    made = render_text(replace(view, question=name, ranking=replace(view.ranking, table=ranked)))
    assert not {"\x1b", "\x00", "\u202e"} & set(made)
    assert "milk\ufffd[31m" in made


def test_an_empty_run():
    made = render_text(ReportView(name="empty"))
    assert "No effect was estimated in this run." in made
    assert "nothing was ranked" in made


def test_what_encoders_met_is_listed_where_there_is_any():
    view = sample.view()
    made = render_text(replace(view, met=("mini: the texts of 12 of 812 items were cut at the model's limit",)))
    assert "\nWhat encoders met\n  - mini: the texts of 12 of 812 items were cut at the model's limit\n" in made
    assert "What encoders met" not in render_text(view)
