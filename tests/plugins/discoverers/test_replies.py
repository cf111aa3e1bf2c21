"""What language models wrote, read back, in the forms of several recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from causalkit_plugins.discoverers._replies import (
    json_in,
    letter_in,
    opinions,
    pair_replies,
    placed_in,
    relation_in,
    yes_or_no_in,
)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A seems odd. B too.\n<Answer>B</Answer>.", "B"),
        ("<answer>\n C. changes in V1 and in V2 are not correlated.</answer>", "C"),
        ("<Answer>A/B/C/D</Answer> was asked for. <Answer>D. Uncertain</Answer>", "D"),
        ("<Answer>A</Answer> no, wait: <Answer>B</Answer>", "B"),
        ("Therefore the final answer is: (B)", "B"),
        ("**Answer:** A", "A"),
        (" (A) ", "A"),
        ("The answer is a matter of taste", None),
        ("<Answer>A/B</Answer>", None),
        ("<Answer>E</Answer>", None),
        ("Top level", None),
        ("A cause is an effect", None),
        ("", None),
    ],
)
def test_the_letter_of_a_reply(text, letter):
    assert letter_in(text, "ABCD") == letter


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("\n\nYes.", True),
        ("no", False),
        ("**No**, since it comes later", False),
        ("The answer is: yes", True),
        ("<Answer>Yes</Answer>", True),
        ("\n\nThe", None),
        ("Nobody knows", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_yes_or_no(text, yes):
    assert yes_or_no_in(text) is yes


def test_json_in_prose():
    assert json_in('Sure! {"a": {"b": 1}} Hope that helps {not this}.') == {"a": {"b": 1}}
    assert json_in('```json\n{"relation": "a->b"}\n```') == {"relation": "a->b"}
    assert json_in("{" * 5000) is None
    assert json_in('{"a": ' * 5000) is None
    assert relation_in('I think {"relation": "none"}.') == "none"
    assert relation_in('{"relation": "PWNED"}') is None


def test_replies_without_an_answer_are_no_opinions():
    records = [
        {"a": "x", "b": "y", "answer": "<Answer>A</Answer>", "choice": "a->b", "model": "m"},
        {"a": "x", "b": "y", "answer": "<Answer>B</Answer>", "choice": "a->b", "model": "m"},
        {"a": "x", "b": "z", "answer": "", "choice": "unsure", "model": "m"},
    ]
    replies = pair_replies(records)
    assert [(r.said, r.recorded, r.repeat) for r in replies] == [
        ("a->b", "a->b", 0),
        ("b->a", "a->b", 1),
        (None, "unsure", 0),
    ]
    assert [(o.a, o.b, o.said, o.repeat) for o in opinions(replies)] == [("x", "y", "a->b", 0), ("x", "y", "b->a", 1)]


def test_recorded_pairs_are_read_as_those_who_recorded_them_did(shared_data: Path):
    """All but the replies in which the text says another letter than was noted, which are told apart by hand."""
    same = read = 0
    for path in sorted((shared_data / "discovery" / "transcripts").glob("*.pairs.jsonl")):
        replies = pair_replies(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        read += sum(r.said is not None for r in replies)
        same += sum(r.said == r.recorded for r in replies)
        assert all("</Answer>" not in r.written for r in replies if r.said is None)
    assert (same, read) == (758, 776)


def test_lists_of_what_comes_before_and_after():
    text = "before:\nrain\n\nafter:\n- puddles\nnone\nmud\nnot confirm:\nsun\nyacht\nmud:\nafter:\nrain"
    placed = placed_in(text, ["rain", "puddles", "sun", "mud"])
    assert placed is not None
    assert (placed.before, placed.after, placed.strangers) == (set(), {"puddles", "mud"}, {"yacht"})
    assert placed_in("before:\nrain", ["rain"]) is None
    assert placed_in("after:\nbefore:\n(none)", ["rain"]).strangers == set()
