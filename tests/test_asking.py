"""Asking: once, in batches, from what is kept; and values out of what a model says."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from causalkit.asking import Reply, ask
from causalkit.budget import Budget
from causalkit.components import Context
from causalkit.errors import Interrupted, ModelUnavailable, UsageError
from causalkit.structured import Unreadable, read_value
from causalkit.transcripts import Transcripts
from causalkit.types import Question

YES_NO = {"type": "string", "enum": ["yes", "no"]}
OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@dataclass
class Scripted:
    """Answers by `says` (prompt → text), and remembers its batches."""

    says: object = '"yes"'
    model: str = "test/scripted"
    parameters: dict = field(default_factory=dict)
    prices: tuple = (1.0, 1.0)
    at_once: int = 2
    batches: list = field(default_factory=list)

    def reply(self, requests, context):
        self.batches.append([one.prompt for one in requests])
        for place, one in enumerate(requests):
            text = self.says(one) if callable(self.says) else self.says
            yield place, text if isinstance(text, Reply) else Reply(text, 10, 1)


def asked(n, **more):
    return [Question(f"q{i}", f"prompt {i}", **more) for i in range(n)]


def test_in_batches_and_not_again(tmp_path):
    context, model = Context(transcripts=Transcripts(tmp_path / "t.sqlite")), Scripted()
    told = ask(model, asked(5), YES_NO, context)
    assert [len(batch) for batch in model.batches] == [2, 2, 1]
    assert set(told.by_id.values()) == {"yes"}
    assert ask(model, asked(6), YES_NO, context).usage.calls == 6
    assert model.batches[3:] == [["prompt 5"]]


def test_the_same_prompt_twice_is_asked_once():
    model = Scripted()
    told = ask(model, [Question("a", "p"), Question("b", "p"), Question("c", "p", repeat=1)], YES_NO, Context())
    assert [len(batch) for batch in model.batches] == [2]
    assert told.usage.calls == 2 and len(told.by_id) == 3


def test_two_questions_with_one_id_are_refused():
    with pytest.raises(UsageError, match="have the id 'a'"):
        ask(Scripted(), [Question("a", "p"), Question("a", "q")], YES_NO, Context())


def test_what_is_no_schema_is_refused():
    with pytest.raises(UsageError, match="no JSON schema"):
        ask(Scripted(), asked(1), {"type": "strnig"}, Context())


def test_one_repair_and_no_more():
    model = Scripted(lambda one: '"yes"' if "But the answer cannot be used" in one.prompt else "Perhaps")
    told = ask(model, asked(1), YES_NO, Context())
    assert told.by_id == {"q0": "yes"} and told.usage.calls == 2
    assert "Perhaps" in model.batches[1][0]
    stubborn = ask(Scripted("Perhaps"), asked(1), YES_NO, Context())
    assert stubborn.by_id == {"q0": None} and stubborn.usage.calls == 2
    assert stubborn.reasons == {"q0": "the answer cannot be used: it holds no JSON"}


def test_what_is_refused_is_not_repaired():
    told = ask(Scripted(Reply(refused="no")), asked(1), YES_NO, Context())
    assert told.reasons == {"q0": "not answered: no"} and told.usage.calls == 1


def test_what_came_before_a_failure_is_kept(tmp_path):
    def failing(one):
        if one.prompt == "prompt 3":
            raise ModelUnavailable("down")
        return '"no"'

    context = Context(transcripts=Transcripts(tmp_path / "t.sqlite"))
    with pytest.raises(ModelUnavailable):
        ask(Scripted(failing), asked(5), YES_NO, context)
    model = Scripted()
    told = ask(model, asked(5), YES_NO, context)
    assert [told.by_id[f"q{i}"] for i in range(5)] == ["no", "no", "no", "yes", "yes"]
    assert model.batches == [["prompt 3", "prompt 4"]]


def test_a_stop_comes_between_batches_and_keeps_what_is_there(tmp_path):
    transcripts, model = Transcripts(tmp_path / "t.sqlite"), Scripted()
    context = Context(transcripts=transcripts, cancelled=lambda: len(model.batches) >= 2)
    with pytest.raises(Interrupted):
        ask(model, asked(9), YES_NO, context)
    assert 1 <= len(list(transcripts.all())) <= 4


def test_a_model_that_costs_nothing_may_be_asked_under_a_cap_on_cost():
    told = ask(Scripted(prices=(0.0, 0.0)), asked(3), YES_NO, Context(budget=Budget(cost=0.1)))
    assert told.usage.cost == 0


def test_nothing_to_ask_needs_no_price(tmp_path):
    kept = Transcripts(tmp_path / "t.sqlite")
    ask(Scripted(prices=None), asked(2), YES_NO, Context(transcripts=kept))
    told = ask(Scripted(prices=None), asked(2), YES_NO, Context(transcripts=kept, budget=Budget(cost=1)))
    assert told.usage.calls == 2 and told.usage.cost is None


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ('{"a": 1}', OBJECT, {"a": 1}),
        (' \n```json\n{"a": 1}\n```', OBJECT, {"a": 1}),
        ('Surely {"a": 1}, for it {rains}.', OBJECT, {"a": 1}),
        ('<think>{"a": 7}</think>{"a": 1}', OBJECT, {"a": 1}),
        ('{"a": 1} and again {"a": 1}', OBJECT, {"a": 1}),
        ("yes", YES_NO, "yes"),
        ("**no**.", YES_NO, "no"),
        ('{"answer": "yes"}', YES_NO, "yes"),
        ('"no"', YES_NO, "no"),
        ("[1, 2]", {"type": "array", "items": {"type": "integer"}}, [1, 2]),
    ],
)
def test_a_value_is_found_where_it_stands(text, schema, value):
    assert read_value(text, schema) == value


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("", OBJECT),
        ("{", OBJECT),
        ('{"a": 1', OBJECT),
        ('{"a": "1"}', OBJECT),
        ('{"a": 1, "b": 2}', OBJECT),
        ('{"a": 1, "a": 2}', OBJECT),
        ('{"a": NaN}', {"type": "object"}),
        ('{"a": 1} or {"a": 2}', OBJECT),
        ("yes and no", YES_NO),
        ("YES", YES_NO),
        ("[" * 100_000, OBJECT),
        ('{"a":' * 20_000, OBJECT),
        ("x" * 2_000_000, OBJECT),
        ('{"answer": {"a": 1}}', OBJECT),
    ],
)
def test_fault_51_a_value_is_never_guessed(text, schema):
    with pytest.raises(Unreadable):
        read_value(text, schema)


@pytest.mark.parametrize("text", ["<think>" * 100_000, "```" + "a" * 500_000, "```" + " " * 500_000, "[" * 900_000])
def test_a_text_of_nothing_but_openings_is_read_at_once(text):
    began = time.process_time()
    with pytest.raises(Unreadable):
        read_value(text, OBJECT)
    assert time.process_time() - began < 5


def test_thoughts_are_no_answer():
    assert read_value('<think>{"a": 1} <think></think>{"a": 2}<THINKING> {"a": 3}</thinking>', OBJECT) == {"a": 2}


def test_a_number_beyond_all_numbers_is_no_value():
    with pytest.raises(Unreadable):
        read_value('{"x": 1e999}', {"type": "object", "properties": {"x": {"type": "number"}}})


@pytest.mark.parametrize("schema", [{"$ref": "http://127.0.0.1:9/s.json"}, {"items": [{"$ref": "#/$defs/none"}]}, True])
def test_a_schema_that_leads_elsewhere_is_refused_before_anything_is_asked(schema):
    model = Scripted()
    with pytest.raises(UsageError):
        ask(model, asked(1), schema, Context())
    assert not model.batches
    within = {"$ref": "#/$defs/a", "$defs": {"a": YES_NO}}
    assert ask(model, asked(1), within, Context()).by_id == {"q0": "yes"}


def test_half_a_character_in_the_name_of_who_answered_is_no_character():
    told = ask(Scripted(says=Reply('"yes"', answered_by="m\ud800")), asked(1), YES_NO, Context())
    assert told.model == "test/scripted (m?)"
