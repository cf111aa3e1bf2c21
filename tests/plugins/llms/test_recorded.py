"""`recorded`: what was recorded, and nothing else."""

from __future__ import annotations

import pytest
from causalkit_plugins.llms._logprobs import Token, choice_log_probabilities
from causalkit_plugins.llms.recorded import Recorded

from causalkit.budget import Budget
from causalkit.components import Context
from causalkit.errors import DataError, ModelUnavailable, UsageError
from causalkit.recording import write_recording
from causalkit.transcripts import Exchange
from causalkit.types import Question, Usage

SCHEMA = {"enum": ["yes", "no"]}


def recording(tmp_path, *exchanges):
    write_recording(exchanges, tmp_path / "r.jsonl")
    return str(tmp_path / "r.jsonl")


def test_answers_probabilities_and_usage_are_those_recorded(tmp_path):
    one = Exchange("openai/m", "p", SCHEMA, '"yes"', repeat=1, prompt_tokens=5, answer_tokens=2, cost=0.5)
    logs = {"yes": -0.1, "no": -2.3}
    file = recording(tmp_path, Exchange(**one.told() | {"log_probabilities": logs, "answered_by": "m-2026"}))
    asked = [Question("a", "p", repeat=1), Question("b", "p", repeat=0), Question("c", "p", "system", repeat=1)]
    told = Recorded(file=file).ask(asked, SCHEMA, context=Context(budget=Budget(calls=0)))  # a replay spends nothing
    assert told.by_id == {"a": "yes", "b": None, "c": None}
    assert told.reasons["b"] == "not answered: it was not recorded"
    assert told.log_probabilities == {"a": logs}
    assert told.model == "openai/m (m-2026)"
    assert Recorded(file=file).ask(asked[:1], SCHEMA).usage == Usage(1, 5, 2, 0.5)


def test_strict_fails_on_what_was_not_recorded(tmp_path):
    file = recording(tmp_path, Exchange("m", "p", SCHEMA, "yes"))
    with pytest.raises(ModelUnavailable, match="holds no answer to 'q'"):
        Recorded(file=file, strict=True).ask([Question("a", "p"), Question("b", "q")], SCHEMA)


def test_of_several_models_one_must_be_named(tmp_path):
    file = recording(tmp_path, Exchange("m", "p", SCHEMA, "yes"), Exchange("n", "p", SCHEMA, "no"))
    with pytest.raises(UsageError, match="two answers to one question, by"):
        Recorded(file=file).ask([Question("a", "p")], SCHEMA)
    assert Recorded(file=file, model="n").ask([Question("a", "p")], SCHEMA).by_id == {"a": "no"}
    with pytest.raises(UsageError, match="holds no answers of other"):
        Recorded(file=file, model="other").ask([Question("a", "p")], SCHEMA)


def test_of_several_parameters_some_must_be_named(tmp_path):
    told = [Exchange("m", "p", SCHEMA, say, parameters={"temperature": t}) for say, t in (("yes", 0.0), ("no", 1.0))]
    file = recording(tmp_path, *told)
    with pytest.raises(UsageError, match="under"):
        Recorded(file=file).ask([Question("a", "p")], SCHEMA)
    made = Recorded(file=file, parameters={"temperature": 1})
    assert made.ask([Question("a", "p")], SCHEMA).by_id == {"a": "no"}


def test_a_file_that_changes_is_another_component(tmp_path):
    made = Recorded(file=recording(tmp_path, Exchange("m", "p", SCHEMA, "yes")))
    before = made.fingerprint()
    recording(tmp_path, Exchange("m", "p", SCHEMA, "no"))
    assert made.fingerprint() != before


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Recorded(file=str(tmp_path / "none.jsonl")).ask([Question("a", "p")], SCHEMA)


def token(text, log, **top):
    return Token(text, log, {name.replace("_", " "): told for name, told in top.items()})


def test_log_probabilities_follow_the_tokens_of_the_answer():
    tokens = [token('{"relation": "', 0.0), token("ye", -0.5, ye=-0.5, no=-1.0), token("s", -0.1), token('"}', 0.0)]
    found = choice_log_probabilities(tokens, "relation", ["yes", "no", "maybe"])
    assert max(found, key=found.get) == "yes"
    assert found["yes"] - found["no"] == pytest.approx(0.5, abs=1e-5)
    assert found["maybe"] < found["no"]


def test_a_choice_that_begins_another_is_told_from_it_by_what_follows():
    tokens = [Token("not", -0.2, {"yes": -1.8}), Token(" at all", -0.7, {'"': -0.8})]
    found = choice_log_probabilities([Token('{"answer": "', 0.0, {}), *tokens], "", ["not", "not at all", "yes"])
    assert found["not at all"] - found["not"] == pytest.approx(0.1, abs=1e-5)
    assert max(found, key=found.get) == "not at all"


def test_an_answer_beside_the_choices_has_no_probabilities():
    assert choice_log_probabilities([Token('{"a": "perhaps"}', -0.1, {})], "a", ["yes", "no"]) == {}
    assert choice_log_probabilities([Token("yes", -0.1, {})], "a", ["yes", "no"]) == {}
